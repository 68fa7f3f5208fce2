import { rm } from "node:fs/promises";
import { readFileIfExists, writeFileAtomic } from "@cluster-os/std/drivers";
import { z } from "zod";
import type { ActRecord } from "./plan.ts";

const StoredActRecord = z.object({
  act: z.enum(["init-server", "join-server", "join-worker", "promote", "demote", "set-aside", "restore"]),
  epoch: z.int().min(0),
  rolesEpoch: z.int().min(0),
  isComplete: z.boolean(),
  restore: z
    .object({
      id: z.string(),
      source: z.discriminatedUnion("kind", [
        z.object({ kind: z.literal("own") }),
        z.object({ kind: z.literal("snapshot"), path: z.string() }),
      ]),
    })
    .optional(),
});

/** The act record on disk: what tells a restarted bootstrap whether Kubernetes here is whole or half-made. */
export class ActRecordFile {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  async read(): Promise<ActRecord | undefined> {
    const content = await readFileIfExists(this.#path);
    return content && StoredActRecord.parse(JSON.parse(content.toString("utf8")));
  }

  async write(record: ActRecord): Promise<void> {
    await writeFileAtomic(this.#path, `${JSON.stringify(record)}\n`, { mode: 0o600 });
  }

  async remove(): Promise<void> {
    await rm(this.#path, { force: true });
  }
}
