import { z } from "zod";
import { AgentCertificateRequest } from "./local-api.ts";

/** TCP port of the API that members offer each other, on their mesh addresses only. */
export const PEER_API_PORT = 8687;

/** Body of topic `join-credentials`: what a node that was elected asks a ready server for. */
export const JoinCredentialsRequest = z.object({
  role: z.enum(["server", "worker"]),
  /** The epoch under which the credentials are to be used; a server of another epoch refuses. */
  epoch: z.int().min(0),
  /** The epoch of the roles that the act belongs to; for a server's credentials, both have to know the same one. */
  rolesEpoch: z.int().min(0),
  /** Whether the machine joins Kubernetes anew, or is in it already. */
  act: z.enum(["join", "promote"]),
});
export type JoinCredentialsRequest = z.infer<typeof JoinCredentialsRequest>;

/** Body of topic `step-down`: a server that is to be one no more asks another one how. */
export const StepDownRequest = z.object({
  rolesEpoch: z.int().min(0),
  /** `demote` in good order, or `set-aside` what was begun of a promotion. */
  wish: z.enum(["demote", "set-aside"]),
});
export type StepDownRequest = z.infer<typeof StepDownRequest>;

/** Whether etcd lists it still: then it leaves in good order; else it sets its state aside. */
export const StepDownAnswer = z.object({ isMember: z.boolean() });
export type StepDownAnswer = z.infer<typeof StepDownAnswer>;

/** Body of the answer to topic `agent-certificate`. */
export const IssuedAgentCertificate = z.object({ certificatePem: z.string(), caPem: z.string() });
export type IssuedAgentCertificate = z.infer<typeof IssuedAgentCertificate>;

/** What each topic of the peer API asks with; the answers of `join-credentials` are the distribution's own. */
export const PEER_API_REQUESTS = {
  "join-credentials": JoinCredentialsRequest,
  "agent-certificate": AgentCertificateRequest,
  "step-down": StepDownRequest,
} as const;
