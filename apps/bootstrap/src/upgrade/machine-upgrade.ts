import { UpgradeOrder, type UpgradeProgress } from "@cluster-os/api";
import { encodeCbor, type NodeId } from "@cluster-os/identity";
import type { Distribution, UpgradePart } from "@cluster-os/kubernetes";
import { describeError, type Clock, type Instant, type Logger } from "@cluster-os/std";
import { delay } from "@cluster-os/std/drivers";
import type { Holder } from "../files/fetching.ts";
import { SLOT_SECONDS } from "../kubernetes/join-slot.ts";
import type { RenewalSlot } from "../kubernetes/renewal.ts";
import { openBody, PeerApiError, type PeerHandler } from "../peer-api/protocol.ts";
import type { PackageManager } from "./package-manager.ts";
import type { PackageStore } from "./package-store.ts";

export const UPGRADE_TOPIC = "kubernetes-upgrade";

/** So often it is tried before it is given up: kubeadm fails for want of an API server that is just starting, too. */
const TRIES = 3;

export interface MachineUpgradeOptions {
  readonly distribution: Pick<Distribution, "upgrade" | "versions" | "loadImages">;
  readonly packages: Pick<PackageStore, "get">;
  readonly manager: PackageManager;
  /** The place for whoever restarts what the control plane rests on; see {@link RenewalSlot}. */
  readonly slot: RenewalSlot;
  /** The machines of these names, as they are reached. */
  readonly holders: (names: readonly string[]) => readonly Holder[];
  readonly isServer: (nodeId: NodeId) => boolean;
  /** After a try to have the package installed that failed, in milliseconds: dpkg may be at work for somebody else. */
  readonly retryMs: number;
  readonly clock: Clock;
  readonly step: (name: string) => void;
  readonly logger: Logger;
}

type Part = UpgradeOrder["part"];

/** What is under way, or how it ended. That all is well is not kept: the machine itself tells. */
type Stage =
  | { readonly kind: "preparing"; readonly what: string }
  | { readonly kind: "prepared"; readonly part: UpgradePart; readonly tries: number; readonly what: string }
  | { readonly kind: "failed"; readonly why: string; readonly ask: string };

/** Brings this machine's Kubernetes to a version, part by part, at the order of the server that leads. */
export class MachineUpgrade {
  readonly #options: MachineUpgradeOptions;
  #version = "";
  #ask = "";
  /** The Kubernetes whose images are known to be here. */
  #loaded = "";
  #stage: Stage | undefined;
  /** Until when the slot is to be given back. */
  #owedUntil: Instant | undefined;
  /** Since when this server's API, where turns are taken, does not answer. */
  #unreachableSince: Instant | undefined;

  constructor(options: MachineUpgradeOptions) {
    this.#options = options;
  }

  get handlers(): Readonly<Record<string, PeerHandler>> {
    return {
      [UPGRADE_TOPIC]: async (from, body) => {
        if (!this.#options.isServer(from))
          throw new PeerApiError(403, "only a control-plane server has Kubernetes upgraded: ask on one");
        return encodeCbor(await this.order(openBody(UPGRADE_TOPIC, UpgradeOrder, body)));
      },
    };
  }

  /** Whether something is under way that a round goes on with: then the next one is not to wait long. */
  get isPending(): boolean {
    return this.#stage?.kind === "prepared" || this.#owedUntil !== undefined;
  }

  /**
   * Begins, or tells how far it is. Why it failed is told as often as it is asked for, until an order of another asking is a new try.
   * What is under way is not changed by another order.
   */
  async order(order: UpgradeOrder): Promise<UpgradeProgress> {
    const isDone = await this.#isDone(order);
    const stage = this.#stage;
    if (stage?.kind === "preparing" || stage?.kind === "prepared")
      return { state: "working", what: stage.what };
    if (isDone) {
      this.#stage = undefined;
      return { state: "done", what: order.version };
    }
    if (stage?.kind === "failed" && stage.ask === order.ask) return { state: "failed", what: stage.why };
    const what = "fetches and installs the package";
    [this.#version, this.#ask] = [order.version, order.ask];
    this.#stage = { kind: "preparing", what };
    void this.#prepare(order);
    return { state: "working", what };
  }

  async #isDone({ part, version }: Pick<UpgradeOrder, "part" | "version">): Promise<boolean> {
    const { distribution, manager } = this.#options;
    const { installed, controlPlane, kubelet } = await distribution.versions();
    const isReady = this.#loaded === installed && (await manager.isInstalled());
    const is: Readonly<Record<Part, string | undefined>> = {
      package: isReady ? installed : undefined,
      // A worker has none, and nothing to do.
      "control-plane": controlPlane ?? version,
      kubelet,
    };
    return is[part] === version;
  }

  /** In the controller's round, on a machine that is what it is to be: so no other act is under way. */
  async round(isServer: boolean, signal: AbortSignal): Promise<void> {
    await this.#giveBack();
    const stage = this.#stage;
    if (stage?.kind !== "prepared") return;
    const reason = isServer ? await this.#reasonToWait() : undefined;
    if (reason !== undefined) {
      this.#stage = { ...stage, what: reason };
      return;
    }
    const { part, tries } = stage;
    this.#stage = { ...stage, what: `brings its ${part} to ${this.#version}` };
    await this.#upgrade(part, tries, isServer, signal);
  }

  /** Undefined once it is this server's turn. */
  async #reasonToWait(): Promise<string | undefined> {
    const { slot, clock } = this.#options;
    const taken = await slot.take().catch(() => "unreachable" as const);
    if (taken !== "unreachable") this.#unreachableSince = undefined;
    if (taken === "taken") return undefined;
    if (taken !== "unreachable") return "waits until no other machine changes the control plane";
    // Perhaps because an earlier try was cut off half-way. Whoever had a turn when it went away has had it by then.
    this.#unreachableSince ??= clock.now();
    const isOver = clock.now() - this.#unreachableSince >= SLOT_SECONDS * 1000;
    return isOver ? undefined : "waits for its own API server";
  }

  async #prepare(order: UpgradeOrder): Promise<void> {
    const { retryMs, logger } = this.#options;
    const { part } = order;
    for (let tries = 1; ; tries += 1) {
      try {
        await this.#install(order);
        const what = "waits for its turn";
        this.#stage = part === "package" ? undefined : { kind: "prepared", part, tries: 0, what };
        return;
      } catch (error) {
        if (tries === TRIES) return this.#fail(error);
        const what = `tries again: ${describeError(error)}`;
        logger.warn("the package is not installed yet", { reason: describeError(error) });
        this.#stage = { kind: "preparing", what };
        await delay(retryMs);
      }
    }
  }

  /** A package that was cut off half-way is installed once more: its files tell its version before it is whole. */
  async #install({ version, sha256, holders: names }: UpgradeOrder): Promise<void> {
    const { distribution, packages, manager, holders, logger } = this.#options;
    const { signal } = new AbortController();
    const { installed } = await distribution.versions();
    if (installed !== version || !(await manager.isInstalled())) {
      const file = await packages.get(sha256, holders(names));
      const brings = await manager.versionIn(file);
      if (brings !== version) throw new Error(`the package brings ${brings}, and not ${version}`);
      logger.info("installing another Kubernetes", { version });
      await manager.install(file, signal);
    }
    await distribution.loadImages(signal);
    this.#loaded = version;
  }

  async #upgrade(part: UpgradePart, tries: number, isServer: boolean, signal: AbortSignal): Promise<void> {
    const { distribution, clock, step, slot, logger } = this.#options;
    logger.info("upgrading Kubernetes on this machine", { part, version: this.#version });
    const prolong = (): void => void slot.take().catch(() => undefined);
    const timer = isServer ? setInterval(prolong, (SLOT_SECONDS * 1000) / 3) : undefined;
    try {
      await distribution.upgrade(part, signal);
      this.#stage = undefined;
      step(`${part} upgraded to ${this.#version}`);
    } catch (error) {
      signal.throwIfAborted();
      logger.warn("the upgrade did not get through", { part, reason: describeError(error) });
      const what = `tries again: ${describeError(error)}`;
      if (tries + 1 < TRIES) this.#stage = { kind: "prepared", part, tries: tries + 1, what };
      else this.#fail(error);
    } finally {
      clearInterval(timer);
      this.#unreachableSince = undefined;
      if (isServer) this.#owedUntil = clock.now() + SLOT_SECONDS * 1000;
    }
    await this.#giveBack();
  }

  #fail(error: unknown): void {
    const why = describeError(error);
    this.#options.logger.warn("Kubernetes is not upgraded here", { reason: why });
    this.#stage = { kind: "failed", why, ask: this.#ask };
  }

  /** Until somebody has heard it, or the slot is free by itself. Not between two tries. */
  async #giveBack(): Promise<void> {
    const { slot, clock, logger } = this.#options;
    if (this.#owedUntil === undefined || this.#stage?.kind === "prepared") return;
    try {
      if (clock.now() < this.#owedUntil) await slot.giveBack();
      this.#owedUntil = undefined;
    } catch (error) {
      logger.debug("the slot is not given back yet", { reason: describeError(error) });
    }
  }
}
