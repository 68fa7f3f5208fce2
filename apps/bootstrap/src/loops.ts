import type { DaemonOptions } from "./daemon-options.ts";
import { DEFAULT_WIREGUARD_PORT } from "./description.ts";
import type { FirewallController } from "./firewall/firewall-controller.ts";
import type { KubernetesPart } from "./kubernetes/part.ts";
import { Loop } from "./loop.ts";
import { underlayAddresses } from "./machine.ts";
import { MeshController } from "./mesh-controller.ts";
import type { MeshKeys } from "./mesh-keys.ts";
import { meshPeers, meshView } from "./mesh-view.ts";
import { TimeController } from "./time/time-controller.ts";
import { UnderlayWatch } from "./underlay-watch.ts";
import type { View } from "./view.ts";

export interface LoopsOptions {
  readonly machine: DaemonOptions;
  readonly view: View;
  readonly meshKeys: MeshKeys;
  readonly firewall: FirewallController;
  readonly kubernetes: KubernetesPart;
  /** Told in every round in which the mesh interface is up, with its MTU in bytes. */
  readonly onMeshUp: (mtu: number) => void;
}

/** The loops of one machine's bootstrap, each of which keeps one part of the machine as the protocol says it is to be. */
export class Loops implements AsyncDisposable {
  readonly mesh: Loop;
  readonly underlay: Loop;
  readonly meshKeys: Loop;
  readonly firewall: Loop;
  readonly kubernetes: Loop;
  readonly controlPlane: Loop;
  readonly snapshots: Loop;
  readonly upgrade: Loop;
  readonly time: Loop;

  constructor(options: LoopsOptions) {
    const { machine, meshKeys, firewall, kubernetes } = options;
    const { rng, logger, config } = machine;
    // On slow machines each round takes long; without longer pauses there would be time for nothing else.
    const patience = config.patience ?? 1;
    const mesh = meshController(options);
    const underlay = underlayWatch(options, () => this.mesh.poke());
    const time = timeController(options);
    const loop = (
      name: string,
      everyMs: number,
      round: (signal: AbortSignal) => Promise<number | void>,
    ): Loop =>
      new Loop({ name, everyMs: everyMs * patience, round, rng, logger: logger.child({ part: name }) });
    this.mesh = loop("mesh", 10_000, (signal) => mesh.round(signal));
    this.underlay = loop("underlay", 1_500, () => underlay.round());
    this.meshKeys = loop("mesh-keys", 15_000, () => meshKeys.round());
    this.firewall = loop("firewall", 30_000, () => firewall.round());
    this.kubernetes = loop("kubernetes", 1_000, (signal) => kubernetes.round(signal));
    this.controlPlane = loop("control-plane", 2_000, (signal) => kubernetes.controlPlane.round(signal));
    this.snapshots = loop("snapshots", 60_000, (signal) => kubernetes.snapshots.round(signal));
    this.upgrade = loop("upgrade", 5_000, (signal) => kubernetes.upgrade.lead(signal));
    this.time = loop("time", 60_000, async (signal) => {
      await time.round(signal);
      await kubernetes.clocks.look(signal);
      // While the machine is on its way, a clock that is off is what holds it up.
      if (kubernetes.state !== "ready") return 5_000;
    });
  }

  /** Who the members are, or what they do, has changed. */
  pokeMembers(): void {
    this.mesh.poke();
    this.kubernetes.poke();
  }

  /** Resolves once rounds under way have ended; safe to repeat. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { mesh, underlay, meshKeys, firewall, kubernetes, controlPlane, snapshots, upgrade, time } = this;
    const all = [mesh, underlay, meshKeys, firewall, kubernetes, controlPlane, snapshots, upgrade, time];
    await Promise.all(all.map((loop) => loop[Symbol.asyncDispose]()));
  }
}

function meshController({ machine, view, meshKeys, onMeshUp }: LoopsOptions): MeshController {
  const { mesh, link, keys, nudge, config, clock, logger } = machine;
  return new MeshController({
    mesh,
    link,
    key: () => meshKeys.current,
    nudge,
    listenPort: config.wireguardPort ?? DEFAULT_WIREGUARD_PORT,
    view: () => meshView(view, keys.identity.nodeId),
    onUp: onMeshUp,
    clock,
    logger: logger.child({ part: "mesh" }),
  });
}

function underlayWatch({ machine, view }: LoopsOptions, onMoved: () => void): UnderlayWatch {
  const { keys, nudge, logger } = machine;
  return new UnderlayWatch({
    addresses: underlayAddresses,
    peers: () => meshPeers(view, keys.identity.nodeId),
    nudge,
    onMoved,
    logger: logger.child({ part: "mesh" }),
  });
}

function timeController({ machine, view }: LoopsOptions): TimeController {
  const { chrony, keys, config, logger } = machine;
  return new TimeController({
    chrony,
    self: keys.identity.nodeId,
    view,
    given: config.timeSources,
    logger: logger.child({ part: "time" }),
  });
}
