/** A WireGuard peer as the device reports it. */
export interface PeerState {
  /** Raw 32-byte X25519 public key. */
  readonly publicKey: Uint8Array;
  /** Where its packets come from at present: `10.0.0.7:51820`, `[fe80::7%eth0]:51820`. WireGuard updates it itself. */
  readonly endpoint?: string;
  /** CIDRs whose packets go to this peer, and which alone it may send from. */
  readonly allowedIps: readonly string[];
  /** Seconds between keepalives; absent when off. */
  readonly persistentKeepaliveS?: number;
  /** Last completed handshake, Unix milliseconds; absent if never. */
  readonly latestHandshakeMs?: number;
  readonly rxBytes: number;
  readonly txBytes: number;
}

export interface DeviceState {
  readonly name: string;
  /** Absent while the device has no private key. */
  readonly publicKey?: Uint8Array;
  /** UDP port; 0 while none is chosen. */
  readonly listenPort: number;
  readonly peers: readonly PeerState[];
}

export type PeerChange =
  /** Adds a peer, or changes the fields that are given; `allowedIps` replaces the whole list. */
  | {
      readonly kind: "set-peer";
      readonly publicKey: Uint8Array;
      readonly endpoint?: string;
      readonly allowedIps?: readonly string[];
      readonly persistentKeepaliveS?: number;
    }
  | { readonly kind: "remove-peer"; readonly publicKey: Uint8Array };

/**
 * A change in one call. Peers that are not named stay as they are, sessions included. A change that is refused may have
 * been carried out up to the point of refusal: look again.
 */
export interface DeviceChange {
  readonly privateKey?: Uint8Array;
  readonly listenPort?: number;
  /** Carried out in this order. */
  readonly peers: readonly PeerChange[];
}

/** The device, or something on the way to it, refused. */
export class WireGuardError extends Error {
  override readonly name = "WireGuardError";
}

/**
 * WireGuard interfaces on this machine, whichever implementation carries them. Making interfaces, addresses and routes
 * are out of scope: see LinkDriver. An interface that does not exist is a {@link WireGuardError} from get and configure.
 */
export interface WireGuardDevice {
  /** Names of the WireGuard interfaces of this kind. */
  list(): Promise<readonly string[]>;
  get(name: string): Promise<DeviceState>;
  configure(name: string, change: DeviceChange): Promise<void>;
  /** Removes an interface and all its peers; one that does not exist is no error. */
  remove(name: string): Promise<void>;
}
