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
    const isOther = (peer: { readonly publicKey: Uint8Array }): boolean =>
      publicKey === undefined || !equalBytes(peer.publicKey, publicKey);
    this.#devices.set(name, {
      name,
      ...(publicKey && { publicKey }),
      listenPort: change.listenPort ?? device.listenPort,
      peers: applyPeers(device.peers.filter(isOther), change.peers.filter(isOther)),
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

function applyPeers(peers: readonly PeerState[], changes: readonly PeerChange[]): readonly PeerState[] {
  const byKey = new Map(peers.map((peer) => [toHex(peer.publicKey), peer]));
  const owners = new Map(
    peers.flatMap((peer) => peer.allowedIps.map((entry) => [entry, toHex(peer.publicKey)])),
  );
  for (const change of changes) {
    const key = toHex(change.publicKey);
    if (change.kind === "remove-peer") {
      byKey.delete(key);
      continue;
    }
    for (const entry of change.allowedIps ?? []) {
      const owner = byKey.get(owners.get(entry) ?? "");
      if (owner) byKey.set(toHex(owner.publicKey), without(owner, entry));
      owners.set(entry, key);
    }
    const { kind: _kind, ...given } = change;
    byKey.set(key, { rxBytes: 0, txBytes: 0, allowedIps: [], ...byKey.get(key), ...given });
  }
  return [...byKey.values()];
}

function without(peer: PeerState, entry: string): PeerState {
  return { ...peer, allowedIps: peer.allowedIps.filter((other) => other !== entry) };
}
