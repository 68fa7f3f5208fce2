import type { Moment, RecordedChange } from "@cluster-os/simulator";
import type { Etcd } from "../../src/drivers/etcd.ts";
import type { EtcdMember } from "../../src/plan/etcd.ts";
import type { Machines } from "./machines.ts";

const CALL_MS = 5_000;

/**
 * Changes etcd's members as servers do it, unless it is done already: the answer to an earlier call may have been lost. Throws
 * what etcd says against it. A machine that is announced has no data afterwards.
 */
export async function makeChange(
  { kind, rank }: RecordedChange,
  etcd: Etcd,
  machines: Machines,
  signal: AbortSignal,
): Promise<void> {
  const members = await etcd.agreedMembers(signal, CALL_MS);
  const member = members.find((one) => rankOf(one) === rank);
  switch (kind) {
    case "announce":
      await machines.wipe(rank, [...members.map(rankOf).filter((other) => other !== rank), rank]);
      if (!member) await etcd.addLearner(machines.peerUrl(rank), signal);
      return;
    case "promote":
      if (!member) throw new Error(`machine ${rank} is no member`);
      if (member.isLearner) await etcd.promote(member, signal);
      return;
    case "remove":
      if (member) await etcd.remove(member, signal);
      return;
    default:
      return kind satisfies never;
  }
}

/** Throws if etcd does not list exactly the members of this moment. */
export function compareMembers(listed: readonly EtcdMember[], { members }: Moment): void {
  const real = listed.map((member) => describe(rankOf(member), member.isLearner));
  const expected = members.map(({ rank, isLearner }) => describe(rank, isLearner));
  const [first, second] = [real, expected].map((names) => names.toSorted().join(", "));
  if (first !== second) throw new Error(`etcd lists ${first} instead of ${second}`);
}

/** By the address that it was announced with: one that never started has no name. */
function rankOf({ peerURLs: [url = ""] }: EtcdMember): number {
  return Number(new URL(url).hostname.split(".").at(-1));
}

function describe(rank: number, isLearner: boolean): string {
  return isLearner ? `${rank} (learns)` : String(rank);
}
