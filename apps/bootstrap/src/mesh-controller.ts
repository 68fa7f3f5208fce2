import { nodeName, type AgreementKey, type NodeId } from "@cluster-os/identity";
import {
  meshAddress,
  meshWish,
  planDevice,
  planLink,
  type MeshWish,
  WireGuardError,
  type DeviceState,
} from "@cluster-os/mesh";
import type { LinkDriver } from "@cluster-os/mesh/drivers";
import type { Clock, Logger } from "@cluster-os/std";
import { MESH_INTERFACE, type MeshInterface } from "./mesh-interface.ts";
import type { MeshView } from "./mesh-view.ts";

export interface MeshControllerOptions {
  readonly mesh: MeshInterface;
  readonly link: LinkDriver;
  /** The key in use; another one after a rotation. */
  readonly key: () => AgreementKey;
  /** Sends a packet to each mesh address: under a new key, that is what makes the handshakes. */
  readonly nudge: (addresses: readonly string[]) => Promise<void>;
  readonly listenPort: number;
  /** Undefined until this machine is a member. */
  readonly view: () => MeshView | undefined;
  readonly onUp: (mtu: number) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Keeps the mesh interface as the members and their indexes say it must be, by differences only. */
export class MeshController {
  readonly #options: MeshControllerOptions;
  /** What was carried out last: tells an endpoint that gossip moved from one that WireGuard followed by itself. */
  #previous: MeshWish | undefined;
  readonly #unproven = new Set<NodeId>();

  constructor(options: MeshControllerOptions) {
    this.#options = options;
  }

  async round(signal: AbortSignal): Promise<void> {
    const { mesh, link, view, key, nudge, listenPort, clock, logger } = this.#options;
    const seen = view();
    if (!seen) return;
    this.#nameUnproven(seen.unproven);
    const { privateKey, publicKey } = key();
    const wish = meshWish({ ...seen, privateKey, publicKey, listenPort });
    const change = planDevice(await this.#observe(signal), wish, clock.wallTime(), this.#previous);
    if (change) {
      await mesh.device.configure(MESH_INTERFACE, change);
      logger.info("mesh peers changed", { changes: change.peers.map(({ kind }) => kind) });
      if (change.privateKey) await nudge(seen.peers.map(({ index }) => meshAddress(seen.addressPlan, index)));
    }
    this.#previous = wish;
    const mtu = await link.meshMtu();
    const actions = planLink(await link.observe(MESH_INTERFACE), { ...seen, mtu });
    for (const action of actions) await link.act(MESH_INTERFACE, action);
    if (actions.length > 0)
      logger.info("mesh interface changed", { actions: actions.map(({ kind }) => kind) });
    this.#options.onUp(mtu);
  }

  /** Once each: it is said again at every round. */
  #nameUnproven(nodeIds: readonly NodeId[]): void {
    for (const nodeId of nodeIds) {
      if (this.#unproven.has(nodeId)) continue;
      this.#unproven.add(nodeId);
      this.#options.logger.warn(
        "a member announces a WireGuard key that it does not prove to have; it is no peer of the mesh",
        { node: nodeName(nodeId) },
      );
    }
  }

  /** The device as it is; made to exist first where it does not answer. */
  async #observe(signal: AbortSignal): Promise<DeviceState> {
    const { mesh } = this.#options;
    try {
      return await mesh.device.get(MESH_INTERFACE);
    } catch (error) {
      if (!(error instanceof WireGuardError)) throw error;
      await mesh.ensure(signal);
      return mesh.device.get(MESH_INTERFACE);
    }
  }
}
