import { WireGuardError, type DeviceChange, type DeviceState, type WireGuardDevice } from "@cluster-os/mesh";
import { encodeChange, UnsayableError, zonesOf } from "./configure.ts";
import { openNetlink } from "./native.ts";
import { text } from "./netlink/attributes.ts";
import { NetlinkConnection } from "./netlink/connection.ts";
import { ERRNO, NetlinkError, NetlinkFormatError } from "./netlink/errors.ts";
import { genericAttributes, genericPayload, resolveFamily } from "./netlink/generic.ts";
import { findLink, listLinks, removeLink, type Link, type LinkName } from "./netlink/links.ts";
import { NETLINK, type OpenNetlink } from "./netlink/socket.ts";
import { deviceState, parseDevice } from "./parse.ts";
import { NAME_BYTES_MAX, WG_CMD, WG_GENL_NAME, WG_GENL_VERSION, WGDEVICE_A } from "./uapi.ts";

export interface KernelWireGuardOptions {
  /** Default: this machine's kernel, in the network namespace of this process. */
  readonly open?: OpenNetlink;
}

/**
 * Whether this kernel has WireGuard. Asking loads its module where there is one. Needs no privileges.
 */
export async function kernelHasWireGuard({
  open = openNetlink,
}: KernelWireGuardOptions = {}): Promise<boolean> {
  using connection = new NetlinkConnection(open, NETLINK.GENERIC);
  return (await resolveFamily(connection, WG_GENL_NAME)) !== undefined;
}

/** WireGuard in the kernel. Whoever makes the interface is the owner; here it is only set, asked and removed. */
export class KernelWireGuard implements WireGuardDevice {
  readonly #open: OpenNetlink;

  constructor({ open = openNetlink }: KernelWireGuardOptions = {}) {
    this.#open = open;
  }

  async list(): Promise<readonly string[]> {
    const links = await this.#links((connection) => listLinks(connection)).catch(failed("list"));
    return links.filter(isWireGuard).map(({ name }) => name);
  }

  async get(name: string): Promise<DeviceState> {
    requireName(name);
    try {
      const request = genericPayload(WG_CMD.GET_DEVICE, WG_GENL_VERSION, text(WGDEVICE_A.IFNAME, name));
      const parts = await this.#wireGuard((connection, family) => connection.dump(family, request));
      const device = parseDevice(parts.map(genericAttributes));
      // They hold the private key.
      for (const part of parts) part.fill(0);
      const scopes = device.peers.flatMap(({ socketAddress }) => socketAddress?.scopeId || []);
      const links = await this.#find([...new Set(scopes)].map((index) => ({ index })));
      const names = new Map(links.map((link) => [link.index, link.name]));
      return deviceState(device, (index) => names.get(index));
    } catch (error) {
      return failed(name)(error);
    }
  }

  async configure(name: string, change: DeviceChange): Promise<void> {
    requireName(name);
    try {
      const links = await this.#find([...zonesOf(change)].map((zone) => ({ name: zone })));
      const indexes = new Map(links.map((link) => [link.name, link.index]));
      const messages = encodeChange(name, change, { indexOf: (zone) => indexes.get(zone) });
      await this.#wireGuard(async (connection, family) => {
        for (const attributes of messages)
          await connection.ask(family, genericPayload(WG_CMD.SET_DEVICE, WG_GENL_VERSION, ...attributes));
      });
    } catch (error) {
      failed(name)(error);
    }
  }

  async remove(name: string): Promise<void> {
    requireName(name);
    try {
      await this.#links(async (connection) => {
        const link = await findLink(connection, { name });
        if (!link) return;
        if (!isWireGuard(link)) throw new NetlinkError(ERRNO.EOPNOTSUPP);
        await removeLink(connection, { index: link.index });
      });
    } catch (error) {
      failed(name)(error);
    }
  }

  /** Those of the interfaces that are there. */
  #find(wanted: readonly LinkName[]): Promise<readonly Link[]> {
    if (wanted.length === 0) return Promise.resolve([]);
    return this.#links(async (connection) => {
      const found: Link[] = [];
      for (const link of wanted) found.push(...[(await findLink(connection, link)) ?? []].flat());
      return found;
    });
  }

  async #links<T>(act: (connection: NetlinkConnection) => Promise<T>): Promise<T> {
    using connection = new NetlinkConnection(this.#open, NETLINK.ROUTE);
    return await act(connection);
  }

  async #wireGuard<T>(act: (connection: NetlinkConnection, family: number) => Promise<T>): Promise<T> {
    using connection = new NetlinkConnection(this.#open, NETLINK.GENERIC);
    const family = await resolveFamily(connection, WG_GENL_NAME);
    if (family === undefined)
      throw new WireGuardError(
        "this kernel has no WireGuard: install its module and load it (modprobe wireguard), " +
          "or carry the mesh in a program (systemctl start cluster-os-wireguard)",
      );
    return await act(connection, family);
  }
}

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

/** Every failure as a {@link WireGuardError} that names the interface. */
function failed(name: string): (error: unknown) => never {
  return (error) => {
    if (error instanceof NetlinkError) {
      const words = REFUSALS[error.errno]?.(name) ?? `WireGuard interface ${name}: the kernel refused`;
      throw new WireGuardError(`${words}: ${error.message}`, { cause: error });
    }
    if (error instanceof UnsayableError || error instanceof NetlinkFormatError)
      throw new WireGuardError(`WireGuard interface ${name}: ${error.message}`, { cause: error });
    throw error;
  };
}

function requireName(name: string): void {
  if (Buffer.byteLength(name) > NAME_BYTES_MAX)
    throw new WireGuardError(
      `${JSON.stringify(name)} is too long for the name of an interface: at most ${NAME_BYTES_MAX} bytes`,
    );
  if (!/^[^\s/:\0]+$/.test(name) || name === "." || name === "..")
    throw new WireGuardError(`${JSON.stringify(name)} cannot be the name of an interface`);
}

function isWireGuard({ kind }: Link): boolean {
  return kind === WG_GENL_NAME;
}
