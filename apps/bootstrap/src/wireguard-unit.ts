import { access } from "node:fs/promises";
import { waitFor } from "@cluster-os/std/drivers";
import { isUnitUp, startUnit, stopUnit } from "./units.ts";
import { MESH_INTERFACE, type MeshInterfaceOptions } from "./mesh-interface.ts";

const UNIT = "cluster-os-wireguard.service";
const SOCKET = `/run/wireguard/${MESH_INTERFACE}.sock`;

/**
 * The userspace WireGuard. It is a unit of its own so that the mesh, and the cluster on it, outlives a restart of
 * bootstrap.
 */
export const wireGuardUnit: MeshInterfaceOptions["daemon"] = {
  isRunning: () => isUnitUp(UNIT),
  async start(signal) {
    await startUnit(UNIT, signal);
    await waitFor(() => access(SOCKET).then(() => true), {
      what: `the socket of ${UNIT}`,
      timeoutMs: 5_000,
      signal,
    });
  },
  stop: (signal) => stopUnit(UNIT, signal),
};
