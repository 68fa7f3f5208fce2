import { z } from "zod";
import type { NodePlacement, ServerAddress } from "./distribution.ts";

const StoredServer = z.object({
  nodeName: z.string().min(1),
  address: z.ipv4(),
}) satisfies z.ZodType<ServerAddress>;

/** The servers the balancer leads to, as they are kept for a cold start. */
export const StoredServers = z.array(StoredServer);

/** The placement of the last act, as it is kept for acts that are told nothing, such as a demotion. */
export const StoredPlacement = z.object({
  nodeName: z.string().min(1),
  index: z.int().min(1),
  meshAddress: z.ipv4(),
  podNetwork: z.cidrv4(),
  meshMtu: z.int().min(576),
  addressPlan: z.object({ mesh: z.cidrv4(), pods: z.cidrv4(), services: z.cidrv4() }),
  servers: StoredServers,
}) satisfies z.ZodType<NodePlacement>;
