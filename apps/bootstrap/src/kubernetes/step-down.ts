import { StepDownAnswer, StepDownRequest } from "@cluster-os/api";
import { decodeCbor, encodeCbor, nodeName, type NodeId } from "@cluster-os/identity";
import type { Distribution, EtcdMemberStatus } from "@cluster-os/kubernetes";
import type { PeerApiClient } from "../peer-api/client.ts";
import { PeerApiError, type PeerHandler } from "../peer-api/protocol.ts";
import type { RecordAct } from "../server/audit-log.ts";
import type { JoinSlot } from "./join-slot.ts";

export const STEP_DOWN_TOPIC = "step-down";

export interface StepDownOptions {
  readonly distribution: Pick<Distribution, "removeVoter">;
  /** etcd's members under the names of their nodes. */
  readonly members: (signal: AbortSignal) => Promise<readonly EtcdMemberStatus[]>;
  /** The slot of who changes the set of etcd's members, while this machine is a ready server; undefined otherwise. */
  readonly slot: () => Pick<JoinSlot, "tryTake"> | undefined;
  readonly rolesEpoch: () => number;
  /** Who is to serve, by node ID. */
  readonly servers: () => readonly NodeId[];
  readonly record: RecordAct;
}

/**
 * On a server: how another one may become a worker. One that etcd lists no more, or that does not answer it, has nothing
 * to hand over: its member is removed, and it sets aside what it has. One that is well leaves in good order, but only
 * while all others are well, and after whoever takes its place.
 */
export function stepDownHandler(options: StepDownOptions): PeerHandler {
  return async (from, body, signal) => {
    const request = StepDownRequest.parse(decodeCbor(body));
    const slot = options.slot();
    if (!slot) throw new PeerApiError(503, "this server is not ready yet");
    if (request.rolesEpoch !== options.rolesEpoch()) {
      throw new PeerApiError(
        503,
        `this server knows the roles of epoch ${options.rolesEpoch()}, not of ${request.rolesEpoch}`,
      );
    }
    const name = nodeName(from);
    const isToServe = options.servers().includes(from);
    // A machine that takes a promotion back may do so although it is to serve: it is promoted again.
    if (isToServe && request.wish === "demote") throw new PeerApiError(409, `${name} is to serve`);
    const how = judgeStepDown({
      name,
      members: await options.members(signal),
      servers: options.servers().map(nodeName),
      wish: request.wish,
    });
    if (how.kind === "wait") throw new PeerApiError(503, how.reason);
    // Who has no part in etcd any more changes nothing of it: nobody waits for that one, nor that one for anybody.
    if (how.kind !== "forgotten" && !(await slot.tryTake(from)))
      throw new PeerApiError(503, "another machine changes its part in etcd at this moment");
    const { rolesEpoch: epoch, wish } = request;
    await options.record({ kind: "step-down", nodeId: from, epoch, wish }, from);
    if (how.kind === "remove") await options.distribution.removeVoter(name, signal);
    return encodeCbor({ isMember: how.kind === "hand-over" } satisfies StepDownAnswer);
  };
}

export type StepDownVerdict =
  /** It leaves etcd in good order itself. */
  | { readonly kind: "hand-over" }
  /** etcd is to forget it. */
  | { readonly kind: "remove" }
  /** etcd does not list it. */
  | { readonly kind: "forgotten" }
  | { readonly kind: "wait"; readonly reason: string };

/** Pure: what etcd's list means for a server that is to be one no more. */
export function judgeStepDown(asked: {
  readonly name: string;
  readonly members: readonly EtcdMemberStatus[];
  /** Names of all that are to serve. */
  readonly servers: readonly string[];
  readonly wish: StepDownRequest["wish"];
}): StepDownVerdict {
  const { name, members, servers, wish } = asked;
  if (members.length === 0) return { kind: "wait", reason: "etcd does not answer" };
  const own = members.find((member) => member.name === name);
  if (!own) return { kind: "forgotten" };
  const others = members.filter((member) => member !== own && !member.isLearner);
  const well = others.filter(({ healthy }) => healthy);
  if (well.length * 2 <= others.length)
    return { kind: "wait", reason: "without it there would be no majority" };
  if (own.isLearner || !own.healthy) return { kind: "remove" };
  const unwell = others.find(({ healthy }) => !healthy);
  if (unwell) return { kind: "wait", reason: `${unwell.name} does not answer: its vote is needed` };
  const missing = servers.find(
    (server) => server !== name && !others.some((member) => member.name === server),
  );
  if (missing !== undefined) return { kind: "wait", reason: `${missing} has to become a server first` };
  return { kind: wish === "demote" ? "hand-over" : "remove" };
}

export interface StepDownAsk {
  readonly peers: Pick<PeerApiClient, "ask">;
  readonly from: NodeId;
  readonly address: string;
  readonly rolesEpoch: number;
  readonly wish: StepDownRequest["wish"];
  readonly signal: AbortSignal;
}

/** Asks a ready server how to step down. Undefined means "not yet": ask again in the next round. */
export async function askToStepDown(ask: StepDownAsk): Promise<StepDownAnswer | undefined> {
  const { rolesEpoch, wish } = ask;
  const body = encodeCbor({ rolesEpoch, wish } satisfies StepDownRequest);
  try {
    const call = { to: ask.from, address: ask.address, topic: STEP_DOWN_TOPIC, body, signal: ask.signal };
    return StepDownAnswer.parse(decodeCbor(await ask.peers.ask(call)));
  } catch (error) {
    if (error instanceof PeerApiError && error.status === 503) return undefined;
    throw error;
  }
}
