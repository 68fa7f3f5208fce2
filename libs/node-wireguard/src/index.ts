/**
 * The kernel's WireGuard, over netlink: list, get, configure, remove. What the kernel's bytes mean is decided here in
 * TypeScript; the native part is a socket and nothing else. No policy: what an interface should be is the mesh's to say.
 */
export { kernelHasWireGuard, KernelWireGuard, type KernelWireGuardOptions } from "./kernel-wireguard.ts";
export { openNetlink } from "./native.ts";
export { NetlinkError, NetlinkFormatError } from "./netlink/errors.ts";
export type { NetlinkSocket, OpenNetlink } from "./netlink/socket.ts";
