import { isDeepStrictEqual } from "node:util";
import { NAMESPACE, SERVICE_LABEL, SLURM_REST_SERVICE, slurmRestEndpointsObject } from "@cluster-os/api";
import { RESOURCES, type ApplyOptions, type EndpointSlice, type KubeClient } from "@cluster-os/kube";

/** Has the Service of SLURM's REST API lead to a mesh address, or nowhere; writes only where it does not. */
export async function keepRestEndpoints(
  client: Pick<KubeClient, "find" | "apply">,
  address: string | undefined,
  options: Pick<ApplyOptions, "fieldManager" | "signal">,
): Promise<void> {
  const ref = { name: SLURM_REST_SERVICE, namespace: NAMESPACE };
  const { signal } = options;
  const present = await client.find(RESOURCES.endpointSlice, ref, { signal });
  const wished = slurmRestEndpointsObject(address);
  if (present ? isSame(present, wished) : address === undefined) return;
  await client.apply(RESOURCES.endpointSlice, wished, { ...options, force: true });
}

/** As far as it decides what goes where. */
function isSame(present: EndpointSlice, wished: EndpointSlice): boolean {
  const view = ({ metadata, addressType, endpoints = [], ports }: EndpointSlice) => ({
    service: metadata.labels?.[SERVICE_LABEL],
    addressType,
    endpoints: endpoints.map(({ addresses, conditions }) => [addresses, conditions?.ready]),
    ports: ports?.map(({ name, port, protocol }) => [name, port, protocol]),
  });
  return isDeepStrictEqual(view(present), view(wished));
}
