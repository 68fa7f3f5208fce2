/** Restores a snapshot of one file into the directory that is given, and prints what lies there then. */
import { readdir } from "node:fs/promises";
import { hashOf, MemoryStore } from "../../src/index.ts";
import { restoreDirectory } from "../../src/drivers/index.ts";

const directory = process.argv[2] ?? "";
const store = new MemoryStore("test");
const bytes = Buffer.from("new");
const hash = hashOf(bytes);
await store.put(hash, bytes);
const file = { kind: "file", path: "new", mode: 0o600, size: 3, hash, blocks: [hash] } as const;
const manifest = { name: "test", epoch: 1, sequence: 1, leader: "a", replicas: ["a"], entries: [file] };
await restoreDirectory({ directory, manifest, store });
console.log(
  JSON.stringify({ state: await readdir(directory), replaced: await readdir(`${directory}.replaced`) }),
);
