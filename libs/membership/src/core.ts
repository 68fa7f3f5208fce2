import type { NodeId } from "@cluster-os/identity";
import type { Rng } from "@cluster-os/std";
import { withoutZone } from "./address.ts";
import type { Awareness } from "./awareness.ts";
import type { Conduct } from "./conduct.ts";
import type { MembershipConfig } from "./config.ts";
import type { MembershipCounters } from "./counters.ts";
import type { FactStore } from "./facts.ts";
import type { Address } from "./member.ts";
import type { Body } from "./message.ts";
import { encodeNews } from "./news.ts";
import type { KnownReceiver, Outbox } from "./outbox.ts";
import type { Statement } from "./records.ts";
import type { MembershipRules } from "./rules.ts";
import type { Self } from "./self.ts";
import type { MemberTable } from "./table.ts";

/** What the parts of one node's protocol share. */
export interface Core {
  readonly config: MembershipConfig;
  readonly rng: Rng;
  readonly self: Self;
  readonly table: MemberTable;
  readonly facts: FactStore;
  readonly outbox: Outbox;
  readonly awareness: Awareness;
  readonly conduct: Conduct;
  readonly counters: MembershipCounters;
  readonly rules: MembershipRules;
  isAdmitted(nodeId: NodeId): boolean;
}

/** A statement as it is passed on, with the address at which this node reaches its node. */
export function statementNews(core: Core, statement: Statement): Uint8Array {
  if (statement.kind === "left") return encodeNews({ kind: "left", record: statement.bytes });
  const address = withoutZone(core.table.get(statement.nodeId)?.address ?? "");
  return encodeNews({ kind: "alive", record: statement.bytes, address });
}

/** What this node holds against another: only the accused can answer it. */
export function accusationsAgainst(core: Core, nodeId: NodeId): readonly Uint8Array[] {
  const standing = core.table.standing(nodeId);
  if (standing?.accusation === undefined) return [];
  const { incarnation } = standing.statement;
  const accuser = core.self.identity.nodeId;
  return [encodeNews({ kind: standing.accusation, nodeId, incarnation, accuser })];
}

/**
 * Sends a message to one node. Whoever is accused is told so before anything else (Lifeguard's buddy system, section
 * IV-C), and nothing is entrusted to it that others should hear.
 */
export function sendTo(core: Core, to: KnownReceiver, body: Body, news: readonly Uint8Array[] = []): void {
  const accusations = accusationsAgainst(core, to.nodeId);
  if (accusations.length > 0) core.outbox.tell(to, body, [...accusations, ...news]);
  else core.outbox.send(to, body, news);
}

/** A member as a receiver; undefined if it cannot be reached. `address` is used instead of the one that is held. */
export function receiverOf(core: Core, nodeId: NodeId, address?: Address): KnownReceiver | undefined {
  const held = address ?? core.table.get(nodeId)?.address ?? "";
  return held === "" ? undefined : { nodeId, address: held };
}
