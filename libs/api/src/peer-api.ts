import { z } from "zod";
import { AgentCertificateRequest } from "./local-api.ts";

/** TCP port of the API that members offer each other, on their mesh addresses only. */
export const PEER_API_PORT = 8687;

/** Body of topic `join-credentials`: what a node that was elected asks a ready server for. */
export const JoinCredentialsRequest = z.object({
  role: z.enum(["server", "worker"]),
  /** The epoch under which the credentials are to be used; a server of another epoch refuses. */
  epoch: z.int().min(0),
});
export type JoinCredentialsRequest = z.infer<typeof JoinCredentialsRequest>;

/** Body of the answer to topic `agent-certificate`. */
export const IssuedAgentCertificate = z.object({ certificatePem: z.string(), caPem: z.string() });
export type IssuedAgentCertificate = z.infer<typeof IssuedAgentCertificate>;

/** What each topic of the peer API asks with; the answers of `join-credentials` are the distribution's own. */
export const PEER_API_REQUESTS = {
  "join-credentials": JoinCredentialsRequest,
  "agent-certificate": AgentCertificateRequest,
} as const;
