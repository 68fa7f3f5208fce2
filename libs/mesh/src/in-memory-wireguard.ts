import { equalBytes, toHex } from "@cluster-os/std";
import {
  WireGuardError,
  type DeviceChange,
  type DeviceState,
  type PeerChange,
  type PeerState,
  type WireGuardDevice,
} from "./device.ts";
import { parseEndpoint } from "./endpoint.ts";

/**
 * WireGuard without packets: for simulations and tests. It passes the same contract suite as the real ones, their
 * peculiarities included: an allowed address belongs to the peer that got it last, and a peer with the device's own key
 * is passed over in silence.
 */
export class InMemoryWireGuard implements WireGuardDevice {
  readonly #devices = new Map<string, DeviceState>();
  readonly #publicKeyOf: (privateKey: Uint8Array) => Uint8Array;
  /** Calls of `configure`, for tests that count writes. */
  writeCount = 0;

  constructor(names: readonly string[], publicKeyOf: (privateKey: Uint8Array) => Uint8Array) {
    this.#publicKeyOf = publicKeyOf;
    for (const name of names) this.#devices.set(name, { name, listenPort: 0, peers: [] });
  }

  list(): Promise<readonly string[]> {
    return Promise.resolve([...this.#devices.keys()]);
  }

  get(name: string): Promise<DeviceState> {
    const device = this.#devices.get(name);
    return device
      ? Promise.resolve(device)
      : Promise.reject(new WireGuardError(`there is no WireGuard interface ${name}`));
  }

  async configure(name: string, change: DeviceChange): Promise<void> {
    const device = await this.get(name);
    this.writeCount += 1;
    for (const peer of change.peers) requireReadable(name, peer);
    const publicKey = change.privateKey ? this.#publicKeyOf(change.privateKey) : device.publicKey;
    const isOwn = (peer: { readonly publicKey: Uint8Array }): boolean =>
      publicKey !== undefined && equalBytes(peer.publicKey, publicKey);
    this.#devices.set(name, {
      name,
      ...(publicKey && { publicKey }),
      listenPort: change.listenPort ?? device.listenPort,
      peers: change.peers
        .filter((peer) => !isOwn(peer))
        .reduce(
          applyPeer,
          device.peers.filter((peer) => !isOwn(peer)),
        ),
    });
  }

  remove(name: string): Promise<void> {
    this.#devices.delete(name);
    return Promise.resolve();
  }
}

function requireReadable(name: string, change: PeerChange): void {
  const endpoint = change.kind === "set-peer" ? change.endpoint : undefined;
  if (change.publicKey.length !== 32 || (endpoint !== undefined && parseEndpoint(endpoint) === undefined)) {
    throw new WireGuardError(`WireGuard interface ${name} refused the request: a key or endpoint is none`);
  }
}

function applyPeer(peers: readonly PeerState[], change: PeerChange): readonly PeerState[] {
  const key = toHex(change.publicKey);
  const others = peers.filter(({ publicKey }) => toHex(publicKey) !== key);
  if (change.kind === "remove-peer") return others;
  const present = peers.find(({ publicKey }) => toHex(publicKey) === key);
  const { kind: _kind, ...given } = change;
  const taken = new Set(change.allowedIps ?? []);
  const rest = others.map((peer) => ({
    ...peer,
    allowedIps: peer.allowedIps.filter((entry) => !taken.has(entry)),
  }));
  return [...rest, { rxBytes: 0, txBytes: 0, allowedIps: [], ...present, ...given }];
}
