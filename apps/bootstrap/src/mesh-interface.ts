import type { MeshImplementation } from "@cluster-os/api";
import { WireGuardError, type DeviceState, type WireGuardDevice } from "@cluster-os/mesh";
import type { LinkDriver } from "@cluster-os/mesh/drivers";
import { describeError, type Logger } from "@cluster-os/std";

/** The mesh interface's name on every machine. */
export const MESH_INTERFACE = "cos0";

/** The mesh interface and what carries it: the same from boot to boot, whatever restarts in between. */
export interface MeshInterface {
  readonly implementation: MeshImplementation;
  readonly device: WireGuardDevice;
  /** Makes the interface exist. */
  ensure(signal: AbortSignal): Promise<void>;
  /** Ends the interface, and all connections over it. */
  remove(signal: AbortSignal): Promise<void>;
}

/** What is seen of the interface, or why it cannot be seen: its daemon may have died a moment ago. */
export async function lookAtMesh({
  implementation,
  device,
}: Pick<MeshInterface, "implementation" | "device">): Promise<MeshSight> {
  try {
    return { mesh: { implementation, device: await device.get(MESH_INTERFACE) } };
  } catch (error) {
    if (!(error instanceof WireGuardError)) throw error;
    return { error: error.message };
  }
}

export interface MeshSight {
  readonly mesh?: { readonly implementation: MeshImplementation; readonly device: DeviceState };
  readonly error?: string;
}

/** What tells which implementation carries the mesh. */
export interface MeshSituation {
  /** The interface is there, and the kernel's. */
  readonly isInKernel: boolean;
  /** The unit of the userspace daemon runs, or is about to. */
  readonly isInUserspace: boolean;
  readonly kernelHasWireGuard: boolean;
}

/**
 * Kernel first, userspace otherwise. An interface that is there stays as it is: bootstrap may be restarted by an upgrade
 * that brought WireGuard to the kernel, and to change over would cut all connections. The next boot begins with none.
 */
export function chooseImplementation(situation: MeshSituation): MeshImplementation {
  if (situation.isInKernel) return "kernel";
  if (situation.isInUserspace) return "userspace";
  return situation.kernelHasWireGuard ? "kernel" : "userspace";
}

export interface MeshInterfaceOptions {
  readonly kernel: WireGuardDevice;
  readonly userspace: WireGuardDevice;
  readonly link: Pick<LinkDriver, "addWireGuard">;
  readonly kernelHasWireGuard: () => Promise<boolean>;
  /** The userspace daemon's unit. */
  readonly daemon: {
    isRunning(): Promise<boolean>;
    start(signal: AbortSignal): Promise<void>;
    stop(signal: AbortSignal): Promise<void>;
  };
  readonly logger: Logger;
}

/** Decides what carries the mesh for as long as this machine runs. */
export async function openMeshInterface(options: MeshInterfaceOptions): Promise<MeshInterface> {
  const { kernel, userspace, link, daemon, logger } = options;
  const situation = await observe(options);
  const implementation = chooseImplementation(situation);
  logger.info("mesh implementation chosen", { implementation, ...situation });
  if (implementation === "userspace") {
    return {
      implementation,
      device: userspace,
      ensure: (signal) => daemon.start(signal),
      remove: (signal) => daemon.stop(signal),
    };
  }
  return {
    implementation,
    device: kernel,
    ensure: async () => {
      if (!(await kernel.list()).includes(MESH_INTERFACE)) await link.addWireGuard(MESH_INTERFACE);
    },
    remove: () => kernel.remove(MESH_INTERFACE),
  };
}

async function observe({
  kernel,
  kernelHasWireGuard,
  daemon,
  logger,
}: MeshInterfaceOptions): Promise<MeshSituation> {
  const isInUserspace = await daemon.isRunning();
  try {
    const isInKernel = (await kernel.list()).includes(MESH_INTERFACE);
    return { isInKernel, isInUserspace, kernelHasWireGuard: await kernelHasWireGuard() };
  } catch (error) {
    // A mesh in a program is better than none, which is what an end here would come to.
    logger.warn("the kernel cannot be asked for WireGuard", { error: describeError(error) });
    return { isInKernel: false, isInUserspace, kernelHasWireGuard: false };
  }
}
