import { SLURM_CLUSTER_NAME, SlurmCluster } from "../../resources/slurm-cluster.ts";
import { SLURM_TOKEN_API_VERSION, SlurmToken } from "../../resources/slurm-token.ts";
import { admissionPolicy } from "../admission-policy.ts";
import type { PlainObject } from "../kubernetes-object.ts";
import { MANAGED_BY, NAMESPACE } from "../names.ts";
import { SLURM_OPERATOR_NAME, SLURM_OPERATOR_USER, slurmKeysName, slurmLeaseName } from "./names.ts";
import {
  SERVICE_LABEL,
  SLURM_REST_PORT,
  SLURM_REST_SERVICE,
  SLURM_TOKEN_ENTRIES,
  SLURM_TOKEN_SECRET_TYPE,
} from "./rest.ts";

const LEASES = [SLURM_OPERATOR_NAME, slurmLeaseName(SLURM_CLUSTER_NAME)];

const isIn = (resource: string, condition: string): string =>
  `request.resource.resource != "${resource}" || (${condition})`;
const isEmpty = (field: string): string => `object.?spec.?${field}.orValue([]).size() == 0`;

/** These and no others when it is made; those that others gave it stay. */
function hasOwnMarks(marks: "labels" | "annotations", own: readonly string[]): string {
  const known = `(oldObject == null ? {} : oldObject.metadata.?${marks}.orValue({}))`;
  return `object.metadata.?${marks}.orValue({}).all(mark, mark in ${JSON.stringify(own)} || mark in ${known})`;
}

const IS_KEYS = `request.namespace == "${NAMESPACE}" && request.name == "${slurmKeysName(SLURM_CLUSTER_NAME)}" && object.type == "Opaque"`;
/**
 * The type of a Secret never changes, so one of somebody else's can neither be made nor taken over under a token's name. And what
 * is in it, and the marks on it, mean nothing to others.
 */
const IS_TOKEN = `object.type == "${SLURM_TOKEN_SECRET_TYPE}" && object.metadata.?ownerReferences.orValue([]).exists(owner, owner.apiVersion == "${SLURM_TOKEN_API_VERSION}" && owner.kind == "${SlurmToken.kind}" && owner.name == request.name) && object.?data.orValue({}).all(entry, entry in ${JSON.stringify(SLURM_TOKEN_ENTRIES)}) && ${hasOwnMarks("labels", Object.keys(MANAGED_BY))} && ${hasOwnMarks("annotations", [])}`;
const IS_REST_SLICE = `object.metadata.?labels.orValue({}).exists(label, label == "${SERVICE_LABEL}") && object.metadata.labels["${SERVICE_LABEL}"] == "${SLURM_REST_SERVICE}" && object.?ports.orValue([]).all(port, port.?port.orValue(0) == ${SLURM_REST_PORT})`;

/**
 * What roles cannot say of slurm-operator: what is made has no name yet when they are looked at. It makes the
 * objects that are its own. Of Secrets it writes the keys, of no type that Kubernetes would put a token of somebody else into,
 * and tokens of SLURM, in any namespace; it reads none but the keys. The
 * SlurmCluster that it makes names no people and no programs of SLURM, which run as root.
 */
export function slurmOperatorPolicyObjects(): readonly PlainObject[] {
  return admissionPolicy({
    name: "cluster-os-slurm-operator",
    who: `request.userInfo.username == "${SLURM_OPERATOR_USER}"`,
    rules: [
      { apiGroups: ["coordination.k8s.io"], resources: ["leases"], operations: ["CREATE"] },
      { apiGroups: [""], resources: ["secrets"], operations: ["CREATE", "UPDATE"] },
      { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], operations: ["CREATE", "UPDATE"] },
      { apiGroups: [SlurmCluster.group], resources: [SlurmCluster.plural], operations: ["CREATE"] },
    ],
    validations: [
      {
        expression: isIn(
          "leases",
          `request.namespace == "${NAMESPACE}" && request.name in ${JSON.stringify(LEASES)}`,
        ),
        message: "slurm-operator makes its own Lease and the controller's only",
      },
      {
        expression: isIn("secrets", `${IS_KEYS} || ${IS_TOKEN}`),
        message: "slurm-operator writes the Secret of SLURM's keys and those of SlurmTokens only",
      },
      {
        expression: isIn("endpointslices", IS_REST_SLICE),
        message: "slurm-operator leads connections of its own Service only",
      },
      {
        expression: isIn(SlurmCluster.plural, `${isEmpty("users")} && ${isEmpty("extraConfiguration")}`),
        message: "slurm-operator makes the default SlurmCluster only",
      },
    ],
  });
}
