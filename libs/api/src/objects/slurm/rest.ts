import { toBase64, utf8 } from "@cluster-os/std";
import { SLURM_TOKEN_API_VERSION } from "../../resources/slurm-token.ts";
import type { PlainObject } from "../kubernetes-object.ts";
import { MANAGED_BY, NAMESPACE } from "../names.ts";

/** TCP port of slurmrestd, on the mesh address of the controller's machine only. */
export const SLURM_REST_PORT = 6820;

/** Name of the Service, and of its EndpointSlice, by which pods reach slurmrestd wherever it is. */
export const SLURM_REST_SERVICE = "slurmrestd";

/** SLURM's REST API as pods see it. On the machines themselves it is at port 6820 of `slurmctl`. */
export const SLURM_REST_URL = `http://${SLURM_REST_SERVICE}.${NAMESPACE}.svc:${SLURM_REST_PORT}`;

/** Label of an EndpointSlice: which Service it is of. */
export const SERVICE_LABEL = "kubernetes.io/service-name";

/** What a Secret with a token may have in it, named as a program's environment wants it. */
export const SLURM_TOKEN_ENTRIES = ["SLURM_JWT", "SLURM_USER_NAME", "SLURMRESTD_URL"] as const;

/** Type of the Secrets that hold tokens: slurm-operator may write no other of people's Secrets. */
export const SLURM_TOKEN_SECRET_TYPE = "cluster-os.dev/slurm-token";

/** Where slurmrestd is now, for Service {@link SLURM_REST_SERVICE}; nowhere without an address. */
export function slurmRestEndpointsObject(address: string | undefined) {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name: SLURM_REST_SERVICE,
      namespace: NAMESPACE,
      labels: { ...MANAGED_BY, [SERVICE_LABEL]: SLURM_REST_SERVICE },
    },
    addressType: "IPv4" as const,
    endpoints: address === undefined ? [] : [{ addresses: [address], conditions: { ready: true } }],
    ports: [{ name: "http", port: SLURM_REST_PORT, protocol: "TCP" }],
  } satisfies PlainObject;
}

/** The token that a SlurmToken asks for; `undefined` where it gets none, and then the Secret is empty. */
export interface GivenToken {
  readonly user: string;
  readonly token: string;
}

/** The Secret of a SlurmToken, which goes with it. */
export function slurmTokenSecretObject(
  owner: { readonly name: string; readonly namespace: string; readonly uid: string },
  given: GivenToken | undefined,
) {
  const { name, namespace, uid } = owner;
  const text = (value: string): string => toBase64(utf8(value));
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: {
      name,
      namespace,
      labels: MANAGED_BY,
      ownerReferences: [
        { apiVersion: SLURM_TOKEN_API_VERSION, kind: "SlurmToken", name, uid, controller: true },
      ],
    },
    type: SLURM_TOKEN_SECRET_TYPE,
    data: given
      ? {
          SLURM_JWT: text(given.token),
          SLURM_USER_NAME: text(given.user),
          SLURMRESTD_URL: text(SLURM_REST_URL),
        }
      : {},
  } satisfies PlainObject;
}
