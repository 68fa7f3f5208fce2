import { WireGuardError } from "@cluster-os/mesh";
import { UnsayableError } from "./configure.ts";
import { ERRNO, NetlinkError, NetlinkFormatError } from "./netlink/errors.ts";
import { NAME_BYTES_MAX } from "./uapi.ts";

/** What the kernel's refusals mean for an interface, and the way out of them. */
const REFUSALS: Readonly<Record<number, (name: string) => string>> = {
  [ERRNO.EPERM]: (name) => `WireGuard interface ${name}: not permitted; run as root, or with CAP_NET_ADMIN`,
  [ERRNO.EACCES]: (name) => `WireGuard interface ${name}: not permitted; run as root, or with CAP_NET_ADMIN`,
  [ERRNO.ENODEV]: (name) =>
    `there is no network interface ${name}; make it with ip link add ${name} type wireguard`,
  [ERRNO.EOPNOTSUPP]: (name) =>
    `the network interface ${name} is none of the kernel's WireGuard: something else has that name`,
  [ERRNO.EADDRINUSE]: (name) =>
    `WireGuard interface ${name}: the UDP port is in use: end the program that has it, or set another wireguardPort`,
  [ERRNO.EAFNOSUPPORT]: (name) =>
    `WireGuard interface ${name}: this kernel has no sockets of a family that is needed (IPv6 switched off?)`,
};

/** Does it; what the kernel refuses is a {@link WireGuardError} that names the interface and the way out. */
export async function explained<T>(name: string, act: () => Promise<T>): Promise<T> {
  try {
    requireName(name);
    return await act();
  } catch (error) {
    throw explain(name, error);
  }
}

function explain(name: string, error: unknown): unknown {
  const about = `WireGuard interface ${name}`;
  if (error instanceof NetlinkError) {
    const words = REFUSALS[error.errno]?.(name) ?? `${about}: the kernel refused`;
    return new WireGuardError(`${words}: ${error.message}`, { cause: error });
  }
  if (error instanceof UnsayableError || error instanceof NetlinkFormatError)
    return new WireGuardError(`${about}: ${error.message}`, { cause: error });
  return error;
}

function requireName(name: string): void {
  if (Buffer.byteLength(name) > NAME_BYTES_MAX)
    throw new WireGuardError(
      `${JSON.stringify(name)} is too long for the name of an interface: at most ${NAME_BYTES_MAX} bytes`,
    );
  if (!/^[^\s/:\0]+$/.test(name) || name === "." || name === "..")
    throw new WireGuardError(`${JSON.stringify(name)} cannot be the name of an interface`);
}
