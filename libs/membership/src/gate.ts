import type { NodeId } from "@cluster-os/identity";
import type { MembershipCounters } from "./counters.ts";
import { decodeMessage, type Message } from "./message.ts";
import { ReplayWindow } from "./replay.ts";
import { SOUND_RULES, type MembershipRules } from "./rules.ts";
import type { Sealing, Unopened } from "./sealing.ts";

/** A genuine message. */
export interface Passed {
  readonly sender: NodeId;
  readonly message: Message;
  readonly bootCounter: number;
  readonly sequence: number;
}

export type Refused =
  | Unopened
  | { readonly why: "replayed" }
  /** In the name of this node. */
  | { readonly why: "forged"; readonly sender: NodeId };

/**
 * Lets in what is a message of this cluster, heard for the first time and proven by its sender: the cheapest check first,
 * and nothing parsed before it is known who sent it. What is refused is counted, never thrown.
 */
export class Gate {
  readonly #sealing: Sealing;
  readonly #counters: MembershipCounters;
  readonly #mayAct: MembershipRules["mayAct"];
  readonly #windows = new Map<NodeId, ReplayWindow>();

  constructor(
    sealing: Sealing,
    counters: MembershipCounters,
    { mayAct }: Pick<MembershipRules, "mayAct"> = SOUND_RULES,
  ) {
    this.#mayAct = mayAct;
    this.#sealing = sealing;
    this.#counters = counters;
  }

  /** Refuses what a few bytes show to be no message of this cluster; counts it, and says whether it did. */
  screen(bytes: Uint8Array): boolean {
    const refused = this.#sealing.screen(bytes);
    if (refused) this.#refuse(refused);
    return refused !== undefined;
  }

  open(bytes: Uint8Array): Passed | Refused {
    const opened = this.#sealing.open(bytes);
    if ("why" in opened) return this.#refuse(opened);
    const { sender, bootCounter, sequence, plain } = opened;
    const isFresh = this.#windows.get(sender)?.isFresh(bootCounter, sequence) ?? true;
    if (!this.#mayAct(isFresh)) return this.#refuse({ why: "replayed" });
    if (!opened.isGenuine()) return this.#refuse({ why: "forged", sender });
    const message = decodeMessage(plain);
    return message ? { sender, message, bootCounter, sequence } : this.#refuse({ why: "malformed" });
  }

  /** The message is acted on, so it must not come again. Only members get a window: their number is bounded. */
  accept({ sender, bootCounter, sequence }: Passed): void {
    const window = this.#windows.get(sender) ?? new ReplayWindow();
    window.add(bootCounter, sequence);
    this.#windows.set(sender, window);
    this.#counters.accepted += 1;
  }

  forget(nodeId: NodeId): void {
    this.#windows.delete(nodeId);
  }

  #refuse(refused: Refused): Refused {
    this.#counters[refused.why] += 1;
    return refused;
  }
}
