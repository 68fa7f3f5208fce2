import type { NodeId } from "@cluster-os/identity";
import type { Logger } from "@cluster-os/std";
import { planTime, renderConfig, renderSources, type TimeAction, type TimeObserved } from "@cluster-os/time";
import type { View } from "../view.ts";

/** chrony, as far as bootstrap drives it. */
export interface Chrony {
  observe(): Promise<TimeObserved>;
  /** Time servers that DHCP offers. */
  offered(): Promise<readonly string[]>;
  act(action: TimeAction, signal: AbortSignal): Promise<void>;
}

export interface TimeControllerOptions {
  readonly chrony: Chrony;
  readonly self: NodeId;
  readonly view: Pick<View, "selfAddress" | "addressPlan" | "isServer" | "otherServers">;
  /** From the given file; instead of what DHCP offers. */
  readonly given: readonly string[] | undefined;
  readonly logger: Logger;
}

/** Keeps chrony following what this machine is to follow: outside sources, and the cluster's servers over the mesh. */
export class TimeController {
  readonly #options: TimeControllerOptions;

  constructor(options: TimeControllerOptions) {
    this.#options = options;
  }

  async round(signal: AbortSignal): Promise<void> {
    const { chrony, given, logger } = this.#options;
    const outside = given ?? (await chrony.offered());
    const actions = planTime(await chrony.observe(), this.#wish(outside));
    for (const action of actions) await chrony.act(action, signal);
    if (actions.length > 0) logger.info("time service changed", { actions: actions.map(({ kind }) => kind) });
  }

  #wish(outside: readonly string[]) {
    const { view, self } = this.#options;
    const { selfAddress, addressPlan } = view;
    const place =
      selfAddress !== undefined && addressPlan
        ? { address: selfAddress, network: addressPlan.mesh, isServer: view.isServer(self) }
        : undefined;
    // Alone and without outside sources there is nothing to follow.
    if (!place && outside.length === 0) return undefined;
    return {
      config: renderConfig(place),
      sources: renderSources({ outside, servers: view.otherServers(self) }),
    };
  }
}
