import { chmod, mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Logger, Rng } from "@cluster-os/std";
import { superfluous, timeOfName, snapshotName, type KeptSnapshot } from "./plan.ts";
import { openFile, sealFile } from "./sealed-file.ts";

/** The snapshots on this machine, each sealed, in a folder of root's. */
export class SnapshotStore {
  readonly #folder: string;
  readonly #rng: Rng;
  readonly #logger: Logger;

  constructor(folder: string, rng: Rng, logger: Logger) {
    this.#folder = folder;
    this.#rng = rng;
    this.#logger = logger;
  }

  path(name: string): string {
    return join(this.#folder, `${name}.snapshot`);
  }

  /** Newest first. */
  async list(): Promise<readonly KeptSnapshot[]> {
    const names = await readdir(this.#folder).catch(() => []);
    return names
      .flatMap((file) => {
        const name = file.endsWith(".snapshot") ? file.slice(0, -".snapshot".length) : "";
        const takenAt = timeOfName(name);
        return takenAt === undefined ? [] : [{ name, takenAt }];
      })
      .sort((left, right) => right.takenAt - left.takenAt);
  }

  /** Takes one by `save`, which writes it in clear to a path; it is sealed before it has a name here. */
  async take(takenAt: number, key: Uint8Array, save: (path: string) => Promise<void>): Promise<string> {
    const name = snapshotName(takenAt);
    await this.#makeFolder();
    const clear = join(this.#folder, "clear");
    try {
      await save(clear);
      await sealFile(clear, this.path(name), key, this.#rng);
      const { size } = await stat(this.path(name));
      this.#logger.info("snapshot taken", { name, bytes: size });
    } finally {
      await rm(clear, { force: true });
    }
    return name;
  }

  /** In clear, for a restoration; undefined if there is none of this name. The caller removes it. */
  async open(name: string, key: Uint8Array): Promise<string> {
    const path = join(this.#folder, "opened");
    await openFile(this.path(name), path, key);
    return path;
  }

  /** Lets those go that newer ones stand for. */
  async prune(now: number): Promise<void> {
    for (const { name } of superfluous(await this.list(), now)) {
      await rm(this.path(name), { force: true });
      this.#logger.info("snapshot is let go", { name });
    }
  }

  async #makeFolder(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    await chmod(this.#folder, 0o700);
  }
}
