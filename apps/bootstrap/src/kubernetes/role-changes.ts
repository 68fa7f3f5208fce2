import type { NodeId } from "@cluster-os/identity";
import type { Distribution, JoinCredentials, KubernetesStatus, NodePlacement } from "@cluster-os/kubernetes";
import type { Logger } from "@cluster-os/std";
import type { KubernetesAction, RoleAct } from "./plan.ts";

/** What another server says and does for a change of role. */
export interface RoleHelp {
  /** Whether etcd lists this machine still; undefined while it is not its turn. */
  readonly askToStepDown: (
    from: NodeId,
    wish: "demote" | "set-aside",
    signal: AbortSignal,
  ) => Promise<{ readonly isMember: boolean } | undefined>;
  /** An act that `grantedBy` gave the slot for is through: that is to be given back. */
  readonly onChanged: (grantedBy: NodeId) => void;
  /** This machine holds nothing of a server any more. */
  readonly onServerNoMore: () => Promise<void>;
}

export interface RoleChangesOptions extends RoleHelp {
  readonly distribution: Pick<Distribution, "promote" | "demote" | "setAside" | "status" | "reset">;
  readonly placement: () => NodePlacement;
  readonly requestCredentials: (
    from: NodeId,
    role: "server" | "worker",
    act: "join" | "promote",
    signal: AbortSignal,
  ) => Promise<JoinCredentials | undefined>;
  readonly mayBegin: (signal: AbortSignal) => Promise<boolean>;
  readonly logger: Logger;
}

/** The act record, as the controller keeps it. */
export interface ActBook {
  readonly carryThrough: (act: RoleAct, epoch: number, run: () => Promise<void>) => Promise<void>;
  readonly begin: (act: RoleAct, epoch: number) => Promise<void>;
  readonly end: (act: RoleAct, epoch: number) => Promise<void>;
  readonly forget: () => Promise<void>;
}

type Change = Extract<KubernetesAction, { readonly kind: "promote" | "step-down" }>;
type Recovery = Extract<KubernetesAction, { readonly kind: "recover" }>;

/** A worker becomes a server, and a server a worker; and what was cut off of it is finished or taken back. */
export class RoleChanges {
  readonly #options: RoleChangesOptions;
  readonly #book: ActBook;

  constructor(options: RoleChangesOptions, book: ActBook) {
    this.#options = options;
    this.#book = book;
  }

  /** False while it is not this machine's turn: nothing was begun. */
  async change({ kind, epoch, from }: Change, signal: AbortSignal): Promise<boolean> {
    return kind === "promote" ? this.#promote(epoch, from, signal) : this.#stepDown(epoch, from, signal);
  }

  /** A promotion whose etcd votes and whose API answers is through; anything else is taken back. */
  async recover({ act, epoch, from }: Recovery, signal: AbortSignal): Promise<void> {
    const { distribution, placement, logger } = this.#options;
    const status = await distribution.status(signal);
    if (act === "promote" && isWhole(status, placement().nodeName)) {
      logger.info("the promotion had got through");
      return this.#book.end("promote", epoch);
    }
    if (from === undefined) return;
    const answer = await this.#options.askToStepDown(from, "set-aside", signal);
    if (!answer) return;
    logger.warn("taking back what was begun", { act });
    await this.#setAside(epoch, from, signal);
  }

  async #promote(epoch: number, from: NodeId, signal: AbortSignal): Promise<boolean> {
    const { distribution, placement, requestCredentials, onChanged, mayBegin } = this.#options;
    if (!(await mayBegin(signal))) return false;
    const credentials = await requestCredentials(from, "server", "promote", signal);
    if (credentials?.role !== "server") return false;
    await this.#book.carryThrough("promote", epoch, () =>
      distribution.promote({ ...placement(), credentials }, signal),
    );
    onChanged(from);
    return true;
  }

  async #stepDown(epoch: number, from: NodeId, signal: AbortSignal): Promise<boolean> {
    const { distribution, askToStepDown, onChanged, onServerNoMore } = this.#options;
    const answer = await askToStepDown(from, "demote", signal);
    if (!answer) return false;
    if (!answer.isMember) {
      await this.#setAside(epoch, from, signal);
      return true;
    }
    await this.#book.carryThrough("demote", epoch, async () => {
      await distribution.demote(signal);
      // Part of the act: who is cut off here forgets it all the same.
      await onServerNoMore();
    });
    onChanged(from);
    return true;
  }

  async #setAside(epoch: number, from: NodeId, signal: AbortSignal): Promise<void> {
    const { distribution, onChanged, onServerNoMore } = this.#options;
    await this.#book.begin("set-aside", epoch);
    await distribution.setAside(signal);
    await onServerNoMore();
    const { kind } = await distribution.status(signal);
    if (kind === "worker") await this.#book.end("set-aside", epoch);
    else await this.#book.forget();
    onChanged(from);
  }
}

/** Whether nothing of a server is missing on this machine. */
function isWhole({ kind, apiReady, etcdMembers }: KubernetesStatus, nodeName: string): boolean {
  const own = etcdMembers.find(({ name }) => name === nodeName);
  return kind === "server" && apiReady && own?.healthy === true && !own.isLearner;
}
