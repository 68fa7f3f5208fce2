import { JoinCredentialsRequest } from "@cluster-os/api";
import { decodeCbor, encodeCbor, nodeName, type NodeId } from "@cluster-os/identity";
import { JoinCredentials, type Distribution, type EtcdMemberStatus } from "@cluster-os/kubernetes";
import { z } from "zod";
import type { PeerApiClient } from "../peer-api/client.ts";
import { PeerApiError, type PeerHandler } from "../peer-api/protocol.ts";
import type { RecordAct } from "../server/audit-log.ts";
import type { JoinSlot } from "./join-slot.ts";

export const CREDENTIALS_TOPIC = "join-credentials";
export const JOIN_DONE_TOPIC = "join-done";

export interface CredentialsGranterOptions {
  readonly distribution: Pick<Distribution, "credentials" | "removeMember" | "removeVoter">;
  /** etcd's members under the names of their nodes. */
  readonly members: (signal: AbortSignal) => Promise<readonly EtcdMemberStatus[]>;
  /** The join slot, while this machine is a ready server; undefined otherwise. */
  readonly slot: () => Pick<JoinSlot, "tryTake"> | undefined;
  readonly epoch: () => number;
  readonly rolesEpoch: () => number;
  readonly servers: () => readonly NodeId[];
  /** The authority key's seed: a server holds it, and gets it with the credentials of its first act as one. */
  readonly authoritySeed: () => Uint8Array | undefined;
  readonly record: RecordAct;
}

/** The answer: the distribution's credentials, and for a server what else only servers hold. */
const GrantedCredentials = z.object({
  credentials: JoinCredentials,
  authoritySeed: z.custom<Uint8Array>((value) => value instanceof Uint8Array).optional(),
});
export type GrantedCredentials = z.infer<typeof GrantedCredentials>;

/** On a server: mints credentials for the one act the asking node was elected to, and for nothing else. */
export function credentialsHandler(options: CredentialsGranterOptions): PeerHandler {
  return async (from, body, signal) => {
    const request = JoinCredentialsRequest.parse(decodeCbor(body));
    const slot = options.slot();
    if (!slot) throw new PeerApiError(503, "this server is not ready yet");
    if (request.epoch !== options.epoch()) {
      throw new PeerApiError(503, `this server is at epoch ${options.epoch()}, not at ${request.epoch}`);
    }
    if (request.role === "server") await readyEtcd(from, request, slot, options, signal);
    // A machine that begins anew - it was reset, or lost its disk - is still listed with its earlier life, and a join is
    // refused while etcd lists a member that does not answer. One that is promoted keeps its Node and its pods.
    if (request.act === "join") await options.distribution.removeMember(nodeName(from), signal);
    const credentials = await options.distribution.credentials(request.role, signal);
    const authoritySeed = request.role === "server" ? options.authoritySeed() : undefined;
    // Before it is out of our hands. Serving founders have it since genesis.
    if (authoritySeed && request.rolesEpoch > 0)
      await options.record({ kind: "authority", nodeId: from, epoch: request.rolesEpoch }, from);
    return encodeCbor({ credentials, ...(authoritySeed && { authoritySeed }) } satisfies GrantedCredentials);
  };
}

/** Whoever is to become a server is ready now; only now does etcd forget those whose place it takes. */
async function readyEtcd(
  from: NodeId,
  request: JoinCredentialsRequest,
  slot: Pick<JoinSlot, "tryTake">,
  options: CredentialsGranterOptions,
  signal: AbortSignal,
): Promise<void> {
  const { distribution } = options;
  const servers = options.servers();
  if (request.rolesEpoch !== options.rolesEpoch()) {
    throw new PeerApiError(
      503,
      `this server knows the roles of epoch ${options.rolesEpoch()}, not of ${request.rolesEpoch}`,
    );
  }
  if (!servers.includes(from))
    throw new PeerApiError(403, "only an elected server gets a server's credentials");
  if (!(await slot.tryTake(from)))
    throw new PeerApiError(503, "another machine is becoming a server at this moment");
  const members = await options.members(signal);
  const verdict = judgeJoin({ name: nodeName(from), members, servers: servers.map(nodeName) });
  if (verdict.kind === "wait") throw new PeerApiError(503, verdict.reason);
  for (const name of verdict.buried) {
    await options.record({ kind: "removal", name, epoch: request.rolesEpoch }, from);
    await distribution.removeMember(name, signal);
  }
  if (request.act === "promote") await distribution.removeVoter(nodeName(from), signal);
}

export type JoinVerdict =
  | { readonly kind: "wait"; readonly reason: string }
  /** It may join as soon as etcd has forgotten these. */
  | { readonly kind: "join"; readonly buried: readonly string[] };

/** Pure: whether a machine may join etcd now, and who has to go first. */
export function judgeJoin(asked: {
  readonly name: string;
  readonly members: readonly EtcdMemberStatus[];
  readonly servers: readonly string[];
}): JoinVerdict {
  const { name, members, servers } = asked;
  const voters = members.filter(({ isLearner }) => !isLearner);
  const well = voters.filter(({ healthy }) => healthy);
  if (well.length * 2 <= voters.length) return { kind: "wait", reason: "etcd has no majority" };
  const others = members.filter((member) => member.name !== name);
  const unwell = others.find(
    ({ healthy, isLearner, name: other }) => !healthy && !isLearner && servers.includes(other),
  );
  if (unwell) return { kind: "wait", reason: `${unwell.name} does not answer: nobody joins now` };
  const buried = others.filter((member) => !member.healthy && !servers.includes(member.name));
  return { kind: "join", buried: buried.map((member) => member.name).filter((other) => other !== "") };
}

/** On a server: a joiner says that it is through, so the next one need not wait for its slot to expire. */
export function joinDoneHandler(slot: () => Pick<JoinSlot, "release"> | undefined): PeerHandler {
  return async (from) => {
    const held = slot();
    if (!held) throw new PeerApiError(503, "this server is not ready to give a slot back");
    await held.release(from);
    return new Uint8Array();
  };
}

export interface CredentialsAsk {
  readonly peers: PeerApiClient;
  readonly from: NodeId;
  readonly address: string;
  readonly request: JoinCredentialsRequest;
  readonly signal: AbortSignal;
}

/** Asks a ready server for credentials. Undefined means "not yet": ask again in the next round. */
export async function askForCredentials(ask: CredentialsAsk): Promise<GrantedCredentials | undefined> {
  const body = encodeCbor(ask.request);
  try {
    const call = { to: ask.from, address: ask.address, topic: CREDENTIALS_TOPIC, body, signal: ask.signal };
    return GrantedCredentials.parse(decodeCbor(await ask.peers.ask(call)));
  } catch (error) {
    if (error instanceof PeerApiError && error.status === 503) return undefined;
    throw error;
  }
}
