/**
 * From a SlurmCluster and the nodes that take part to SLURM's files, byte for byte the same each time; and from what
 * SLURM says in JSON to what it means. Nothing here runs SLURM.
 */
export { planDrains, type DrainAction, type WishedDrain } from "./drains.ts";
export { renderJwks } from "./jwks.ts";
export { selectNodes, slurmNodeOf, type SlurmGpu, type SlurmNode } from "./nodes.ts";
export {
  parseJobs,
  QUEUE_QUESTION,
  parseNodes,
  SlurmAnswerError,
  summarise,
  type JobCounts,
  type NodeView,
  type Queue,
  type RunningJob,
} from "./answers.ts";
export { ConfigurationError, renderConfig } from "./render.ts";
export { unsavedNode, unsavedStart } from "./unsaved.ts";
export { shareOf, type Share } from "./share.ts";
export { signerOf } from "./signer.ts";
export { signToken, type TokenClaims } from "./token.ts";
export { planRepeats, type RepeatAction } from "./repeats.ts";
