import { WireGuardError, type DeviceChange, type DeviceState, type WireGuardDevice } from "@cluster-os/mesh";
import { encodeChange, zonesOf } from "./configure.ts";
import { openNetlink } from "./native.ts";
import { text } from "./netlink/attributes.ts";
import { NetlinkConnection } from "./netlink/connection.ts";
import { ERRNO, NetlinkError } from "./netlink/errors.ts";
import { genericAttributes, genericPayload, resolveFamily } from "./netlink/generic.ts";
import { findLink, listLinks, removeLink, type Link, type LinkName } from "./netlink/links.ts";
import { NETLINK, type OpenNetlink } from "./netlink/socket.ts";
import { deviceState, parseDevice, type KernelDevice } from "./parse.ts";
import { explained } from "./refusals.ts";
import { WG_CMD, WG_GENL_NAME, WG_GENL_VERSION, WGDEVICE_A } from "./uapi.ts";

export interface KernelWireGuardOptions {
  /** Default: this machine's kernel, in the network namespace of this process. */
  readonly open?: OpenNetlink;
}

/** Whether this kernel has WireGuard. Asking loads its module where there is one. Needs no privileges. */
export async function kernelHasWireGuard({
  open = openNetlink,
}: KernelWireGuardOptions = {}): Promise<boolean> {
  using connection = new NetlinkConnection(open, NETLINK.GENERIC);
  return (await resolveFamily(connection, WG_GENL_NAME)) !== undefined;
}

/** WireGuard in the kernel. Others make the interface; here it is set, asked and removed. */
export class KernelWireGuard implements WireGuardDevice {
  readonly #open: OpenNetlink;

  constructor({ open = openNetlink }: KernelWireGuardOptions = {}) {
    this.#open = open;
  }

  async list(): Promise<readonly string[]> {
    try {
      using connection = new NetlinkConnection(this.#open, NETLINK.ROUTE);
      return (await listLinks(connection)).filter(isWireGuard).map(({ name }) => name);
    } catch (cause) {
      throw new WireGuardError("the kernel's network interfaces cannot be listed", { cause });
    }
  }

  get(name: string): Promise<DeviceState> {
    return explained(name, async () => {
      const device = await this.#read(name);
      const scopes = new Set(device.peers.flatMap(({ socketAddress }) => socketAddress?.scopeId || []));
      const links = await this.#find([...scopes].map((index) => ({ index })));
      const names = new Map(links.map((link) => [link.index, link.name]));
      return deviceState(device, (index) => names.get(index));
    });
  }

  configure(name: string, change: DeviceChange): Promise<void> {
    return explained(name, async () => {
      const links = await this.#find([...zonesOf(change)].map((zone) => ({ name: zone })));
      const indexes = new Map(links.map((link) => [link.name, link.index]));
      const messages = encodeChange(name, change, { indexOf: (zone) => indexes.get(zone) });
      await this.#withWireGuard(async (connection, family) => {
        for (const attributes of messages)
          await connection.ask(family, genericPayload(WG_CMD.SET_DEVICE, WG_GENL_VERSION, ...attributes));
      });
    });
  }

  remove(name: string): Promise<void> {
    return explained(name, async () => {
      using connection = new NetlinkConnection(this.#open, NETLINK.ROUTE);
      const link = await findLink(connection, { name });
      if (!link) return;
      if (!isWireGuard(link)) throw new NetlinkError(ERRNO.EOPNOTSUPP);
      await removeLink(connection, { index: link.index });
    });
  }

  async #read(name: string): Promise<KernelDevice> {
    const request = genericPayload(WG_CMD.GET_DEVICE, WG_GENL_VERSION, text(WGDEVICE_A.IFNAME, name));
    const parts = await this.#withWireGuard((connection, family) => connection.dump(family, request));
    const device = parseDevice(parts.map(genericAttributes));
    // They hold the private key.
    for (const part of parts) part.fill(0);
    return device;
  }

  /** Those of the interfaces that are there. */
  async #find(wanted: readonly LinkName[]): Promise<readonly Link[]> {
    if (wanted.length === 0) return [];
    using connection = new NetlinkConnection(this.#open, NETLINK.ROUTE);
    const found: Link[] = [];
    for (const name of wanted) {
      const link = await findLink(connection, name);
      if (link) found.push(link);
    }
    return found;
  }

  async #withWireGuard<T>(act: (connection: NetlinkConnection, family: number) => Promise<T>): Promise<T> {
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

function isWireGuard({ kind }: Link): boolean {
  return kind === WG_GENL_NAME;
}
