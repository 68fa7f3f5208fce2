/** The parts of the mesh that touch the machine: WireGuard devices and network interfaces. */
export * from "./ip-link.ts";
export * from "./userspace-wireguard.ts";
export * from "./nudge.ts";
