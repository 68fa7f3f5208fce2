import { concatBytes } from "@cluster-os/std";
import { nested, readAttributes, readText, text, u16, u32, viewOf } from "../../src/netlink/attributes.ts";
import { ERRNO, NetlinkError } from "../../src/netlink/errors.ts";
import { encodeMessage, NLM_F, NLMSG, readMessages, type NetlinkMessage } from "../../src/netlink/message.ts";
import { NETLINK, type NetlinkSocket } from "../../src/netlink/socket.ts";
import type { Link } from "../../src/netlink/links.ts";
import { WG_CMD, WG_GENL_NAME, WGDEVICE_A } from "../../src/uapi.ts";
import { dumpDevice, modelDevice, setDevice, type ModelDevice } from "./wireguard-model.ts";

export interface FakeKernelOptions {
  readonly links: readonly Link[];
  /** Default true. */
  readonly hasWireGuard?: boolean;
  /** How many bytes of attributes a dump puts into one datagram. Default 3,700: about a page, as Linux does. */
  readonly partBytes?: number;
}

const FAMILIES = { nlctrl: 16, [WG_GENL_NAME]: 31 } as const;
const RTM = { NEWLINK: 16, DELLINK: 17, GETLINK: 18 } as const;

/** A kernel as its netlink sockets show it: generic netlink with WireGuard, and the links of rtnetlink. */
export class FakeKernel {
  readonly devices = new Map<string, ModelDevice>();
  readonly #links: Map<number, Link>;
  readonly #hasWireGuard: boolean;
  readonly #partBytes: number;
  /** How many of the next dumps change while they are read. */
  interruptedDumps = 0;
  /** How many of the next dumps are refused because another is under way. */
  busyDumps = 0;
  /** What WireGuard is refused from now on, with the kernel's words. */
  refusal: { readonly errno: number; readonly words?: string } | undefined;
  /** Datagrams before each answer that are none of its own. */
  strays: readonly Uint8Array[] = [];
  /** Requests that change a device. */
  setCount = 0;
  openCount = 0;

  constructor({ links, hasWireGuard = true, partBytes = 3_700 }: FakeKernelOptions) {
    this.#links = new Map(links.map((link) => [link.index, link]));
    this.#hasWireGuard = hasWireGuard;
    this.#partBytes = partBytes;
    for (const { index, name, kind } of links)
      if (kind === WG_GENL_NAME) this.devices.set(name, modelDevice(index, name));
  }

  readonly open = (protocol: number): NetlinkSocket => {
    const waiting: Uint8Array[] = [];
    this.openCount += 1;
    let isOpen = true;
    return {
      send: async (datagram) => {
        for (const request of readMessages(datagram)) waiting.push(...this.#answer(protocol, request));
      },
      receive: async () => {
        const next = isOpen ? waiting.shift() : undefined;
        if (!next) throw Object.assign(new Error("nothing came"), { errno: ERRNO.ETIMEDOUT });
        return next;
      },
      close: () => {
        if (isOpen) this.openCount -= 1;
        isOpen = false;
      },
    };
  };

  removeLink(name: string): void {
    for (const link of this.#links.values()) if (link.name === name) this.#links.delete(link.index);
  }

  #answer(protocol: number, request: NetlinkMessage): readonly Uint8Array[] {
    const { sequence, flags } = request;
    const isDump = (flags & NLM_F.DUMP) === NLM_F.DUMP;
    try {
      const parts =
        protocol === NETLINK.GENERIC ? this.#generic(request, isDump) : this.#route(request, isDump);
      const more = isDump ? this.#dumpFlags() : 0;
      const answers = parts.map(({ type, payload }) =>
        encodeMessage({ type, flags: more, sequence, payload }),
      );
      const done = encodeMessage({
        type: isDump ? NLMSG.DONE : NLMSG.ERROR,
        flags: more,
        sequence,
        payload: new Uint8Array(isDump ? 4 : 20),
      });
      return [...this.strays, ...answers, done];
    } catch (error) {
      if (!(error instanceof NetlinkError)) throw error;
      return [...this.strays, refuse(sequence, error.errno, this.refusal?.words)];
    }
  }

  #dumpFlags(): number {
    if (this.interruptedDumps === 0) return NLM_F.MULTI;
    this.interruptedDumps -= 1;
    return NLM_F.MULTI | NLM_F.DUMP_INTR;
  }

  #generic({ type, payload }: NetlinkMessage, isDump: boolean): readonly Answer[] {
    const attributes = payload.subarray(4);
    if (type === FAMILIES.nlctrl) return [{ type, payload: this.#family(attributes) }];
    if (type !== FAMILIES[WG_GENL_NAME] || !this.#hasWireGuard) throw new NetlinkError(ERRNO.ENOENT);
    if (this.refusal) throw new NetlinkError(this.refusal.errno);
    const device = this.#device(attributes);
    if (payload[0] === WG_CMD.SET_DEVICE) {
      this.setCount += 1;
      setDevice(device, attributes);
      return [];
    }
    if (payload[0] !== WG_CMD.GET_DEVICE || !isDump) throw new NetlinkError(ERRNO.EOPNOTSUPP);
    if (this.busyDumps > 0) {
      this.busyDumps -= 1;
      throw new NetlinkError(ERRNO.EBUSY);
    }
    return dumpDevice(device, this.#partBytes).map((part) => ({
      type,
      payload: concatBytes(Uint8Array.of(WG_CMD.GET_DEVICE, 1, 0, 0), part),
    }));
  }

  #family(attributes: Uint8Array): Uint8Array {
    const wanted = readAttributes(attributes).find(({ type }) => type === 2);
    const name = wanted && readText(wanted.payload);
    const isThere = name === "nlctrl" || (name === WG_GENL_NAME && this.#hasWireGuard);
    if (!isThere) throw new NetlinkError(ERRNO.ENOENT);
    return concatBytes(Uint8Array.of(1, 2, 0, 0), text(2, name), u16(1, FAMILIES[name]), u32(3, 1));
  }

  #device(attributes: Uint8Array): ModelDevice {
    const named = readAttributes(attributes).find(({ type }) => type === WGDEVICE_A.IFNAME);
    const name = named ? readText(named.payload) : "";
    const device = this.devices.get(name);
    if (device) return device;
    const isLink = [...this.#links.values()].some((link) => link.name === name);
    throw new NetlinkError(isLink ? ERRNO.EOPNOTSUPP : ERRNO.ENODEV);
  }

  #route({ type, payload }: NetlinkMessage, isDump: boolean): readonly Answer[] {
    if (type === RTM.GETLINK && isDump)
      return [...this.#links.values()].map((link) => ({ type: RTM.NEWLINK, payload: linkMessage(link) }));
    const link = this.#link(payload);
    if (!link) throw new NetlinkError(ERRNO.ENODEV);
    if (type === RTM.GETLINK) return [{ type: RTM.NEWLINK, payload: linkMessage(link) }];
    if (type !== RTM.DELLINK) throw new NetlinkError(ERRNO.EOPNOTSUPP);
    this.#links.delete(link.index);
    this.devices.delete(link.name);
    return [];
  }

  #link(payload: Uint8Array): Link | undefined {
    const index = viewOf(payload).getUint32(4, true);
    if (index > 0) return this.#links.get(index);
    const named = readAttributes(payload.subarray(16)).find(({ type }) => type === 3);
    return [...this.#links.values()].find(({ name }) => named && name === readText(named.payload));
  }
}

interface Answer {
  readonly type: number;
  readonly payload: Uint8Array;
}

function linkMessage({ index, name, kind }: Link): Uint8Array {
  const header = new Uint8Array(16);
  viewOf(header).setUint32(4, index, true);
  // Beside what is asked for there is much else: here the MTU.
  const info = kind === undefined ? [] : [nested(18, text(1, kind))];
  return concatBytes(header, text(3, name), u32(4, 1420), ...info);
}

/** A refusal as a socket with NETLINK_EXT_ACK and NETLINK_CAP_ACK gets it. */
function refuse(sequence: number, errno: number, words: string | undefined): Uint8Array {
  const payload = new Uint8Array(20);
  viewOf(payload).setInt32(0, -errno, true);
  const flags = NLM_F.CAPPED | (words === undefined ? 0 : NLM_F.ACK_TLVS);
  return encodeMessage({
    type: NLMSG.ERROR,
    flags,
    sequence,
    payload: concatBytes(payload, ...(words === undefined ? [] : [text(1, words)])),
  });
}
