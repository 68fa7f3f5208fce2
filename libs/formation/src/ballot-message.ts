import { NodeId } from "@cluster-os/identity";
import { z } from "zod";
import { Bytes } from "./fields.ts";

/** A numbered attempt to decide. The proposer's ID makes the numbers of two proposers differ. */
export const Ballot = z.object({ round: z.int().min(1), proposer: NodeId });
export type Ballot = z.infer<typeof Ballot>;

/** A value and the ballot under which an acceptor accepted it. */
export const Accepted = z.object({ ballot: Ballot, value: Bytes });
export type Accepted = z.infer<typeof Accepted>;

/** All that an acceptor must never forget. */
export const AcceptorState = z.object({ promised: Ballot.optional(), accepted: Accepted.optional() });
export type AcceptorState = z.infer<typeof AcceptorState>;

/** `electorate` is how many machines the sender knows of that may vote: the largest number counts. */
export const BallotMessage = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("prepare"), ballot: Ballot, isCompletion: z.boolean() }),
  z.object({
    kind: z.literal("promise"),
    ballot: Ballot,
    accepted: Accepted.optional(),
    electorate: z.int().min(1),
  }),
  z.object({ kind: z.literal("accept"), ballot: Ballot, value: Bytes }),
  z.object({ kind: z.literal("accepted"), ballot: Ballot, electorate: z.int().min(1) }),
  z.object({ kind: z.literal("reject"), ballot: Ballot, promised: Ballot }),
  z.object({ kind: z.literal("decided"), value: Bytes }),
]);
export type BallotMessage = z.infer<typeof BallotMessage>;
