import { access } from "node:fs/promises";
import { waitFor } from "@cluster-os/std/drivers";
import { startUnit, stopUnit } from "./units.ts";
import { MESH_INTERFACE } from "./mesh-controller.ts";

const UNIT = "cluster-os-wireguard.service";
const SOCKET = `/run/wireguard/${MESH_INTERFACE}.sock`;

/** Ends the mesh interface, and all connections over it. */
export function stopUserspaceWireGuard(signal: AbortSignal): Promise<void> {
  return stopUnit(UNIT, signal);
}

/**
 * Makes the mesh interface exist by starting the userspace WireGuard's unit. It is a unit of its own so that the mesh, and
 * the cluster on it, outlives a restart of bootstrap.
 */
export async function startUserspaceWireGuard(signal: AbortSignal): Promise<void> {
  await startUnit(UNIT, signal);
  await waitFor(() => access(SOCKET).then(() => true), {
    what: `the socket of ${UNIT}`,
    timeoutMs: 5_000,
    signal,
  });
}
