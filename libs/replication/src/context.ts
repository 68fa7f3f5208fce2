import type { Instant } from "@cluster-os/std";
import type { ReplicationConfig } from "./config.ts";
import type { ReplicaId } from "./manifest.ts";
import type { Message } from "./message.ts";
import type { ReplicationEffect } from "./protocol.ts";
import type { ReplicationRules } from "./rules.ts";
import type { Shelf } from "./shelf.ts";

/** What the parts of one replica share. */
export interface Context {
  readonly self: ReplicaId;
  readonly name: string;
  readonly config: ReplicationConfig;
  readonly rules: ReplicationRules;
  readonly shelf: Shelf;
  emit(...effects: readonly ReplicationEffect[]): void;
  /** What went wrong; undefined when it is mended. */
  complain(trouble: string | undefined): void;
}

export function send(context: Context, to: ReplicaId, message: Message): void {
  context.emit({ kind: "send", to, message });
}

/** The earlier of some moments. */
export function earliest(...moments: readonly (Instant | undefined)[]): Instant {
  return Math.min(...moments.map((moment) => moment ?? Infinity));
}
