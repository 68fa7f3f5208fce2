import { equalBytes } from "@cluster-os/std";
import { isKeylessTag, JoinKey } from "./join-key.ts";

/** The join keys that this machine knows: its own, from the given file, and, of a member, the cluster's newest. */
export class JoinKeys {
  /** What this machine founds and applies with. */
  readonly own: JoinKey;
  readonly #inForce: () => Uint8Array | undefined;
  #known: { readonly bytes: Uint8Array; readonly key: JoinKey } | undefined;

  constructor(own: JoinKey, inForce: () => Uint8Array | undefined = () => undefined) {
    this.own = own;
    this.#inForce = inForce;
  }

  /** What this machine's beacons are signed with. May be none at all. */
  get newest(): JoinKey {
    const bytes = this.#inForce();
    if (bytes === undefined) return this.own;
    if (!this.#known || !equalBytes(this.#known.bytes, bytes))
      this.#known = { bytes, key: new JoinKey(bytes) };
    return this.#known.key;
  }

  /** Newest first; empty where there is none. */
  get all(): readonly JoinKey[] {
    const { newest, own } = this;
    const keys = newest.id === own.id ? [own] : [newest, own];
    return keys.filter(({ isPresent }) => isPresent);
  }

  /** The key that a beacon's tag is of. */
  find(tag: Uint8Array): JoinKey | undefined {
    return this.all.find((key) => equalBytes(key.tag, tag));
  }

  /** Whether a beacon's tag is of a key that this machine, which has one, does not know. */
  isForeignTag(tag: Uint8Array): boolean {
    return this.newest.isPresent && !isKeylessTag(tag) && !this.find(tag);
  }
}
