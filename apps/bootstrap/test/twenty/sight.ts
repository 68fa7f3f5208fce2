/** What one machine sees of the others. */
export interface Sight {
  readonly name: string;
  /** Whether it was ever a whole part of what it takes for Kubernetes. */
  readonly isReady: boolean;
  /** Names of all members, its own too. */
  readonly members: readonly string[];
  /** Public keys of its WireGuard device's peers, in hexadecimal digits; undefined while there is no device. */
  readonly peers: readonly string[] | undefined;
  /** Its own WireGuard public key. */
  readonly key: string | undefined;
}
