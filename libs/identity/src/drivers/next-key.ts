import { rename, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Rng } from "@cluster-os/std";
import { readFileIfExists, writeFileAtomic } from "@cluster-os/std/drivers";
import { agreementKeyFromPrivate, generateAgreementKey, type AgreementKey } from "../keys.ts";

const CURRENT = "wireguard.key";
const NEXT = "wireguard-next.key";

/** A key file as it is on disk, and how old it is in milliseconds by this machine's wall clock. */
export interface AgedKey {
  readonly key: AgreementKey;
  readonly ageMs: number;
}

/** The WireGuard key in use and the one that will take its place, in a folder that `loadOrCreateKeys` made. */
export class WireGuardKeyFiles {
  readonly #folder: string;
  readonly #rng: Rng;
  readonly #wallTime: () => number;

  constructor(folder: string, rng: Rng, wallTime: () => number) {
    this.#folder = folder;
    this.#rng = rng;
    this.#wallTime = wallTime;
  }

  /** How long the present key has been in use, in milliseconds. */
  async currentAgeMs(): Promise<number> {
    return this.#wallTime() - (await stat(join(this.#folder, CURRENT))).mtimeMs;
  }

  /** The key that was made to take over; undefined while there is none. One that is damaged is none: nobody relies on it. */
  async next(): Promise<AgedKey | undefined> {
    const path = join(this.#folder, NEXT);
    const raw = Buffer.from((await readFileIfExists(path))?.toString("utf8").trim() ?? "", "base64");
    if (raw.length !== 32) return undefined;
    return {
      key: agreementKeyFromPrivate(new Uint8Array(raw)),
      ageMs: this.#wallTime() - (await stat(path)).mtimeMs,
    };
  }

  /** Makes the next key; on disk before it is returned, so that what was announced survives a crash. */
  async make(): Promise<AgreementKey> {
    const made = generateAgreementKey(this.#rng);
    const text = `${Buffer.from(made.privateKey).toString("base64")}\n`;
    await writeFileAtomic(join(this.#folder, NEXT), text, { mode: 0o600 });
    return made;
  }

  /** The next key is the present one from now on. Its age goes on from when it was made. */
  async adopt(): Promise<void> {
    await rename(join(this.#folder, NEXT), join(this.#folder, CURRENT));
  }
}
