import { expect } from "chai";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { blockPath, MemoryStore, type Store } from "../src/index.ts";
import { openFolderStore } from "../src/drivers/index.ts";
import { describeStore, NAME, type StoreRig } from "./store.contract.ts";

describeStore("in memory", async (): Promise<StoreRig> => {
  let store = new MemoryStore(NAME);
  return {
    open: async () => (store = store.reopened()),
    damage: async (hash) => store.damage(hash),
    [Symbol.asyncDispose]: async () => {},
  };
});

describeStore("in a folder", async (): Promise<StoreRig> => {
  const folder = await mkdtemp(join(tmpdir(), "cluster-os-store-"));
  return {
    open: () => openFolderStore({ folder, name: NAME }),
    damage: (hash) => writeFile(join(folder, blockPath(hash)), "x"),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
});

describe("a store's promise", () => {
  it("that is damaged is an error, and says what to do", async () => {
    const folder = await mkdtemp(join(tmpdir(), "cluster-os-store-"));
    try {
      const store: Store = await openFolderStore({ folder, name: NAME });
      await store.promise({ epoch: 3, leader: "a" });
      await writeFile(join(folder, "promise"), "nonsense");
      const error: unknown = await openFolderStore({ folder, name: NAME }).catch((caught: unknown) => caught);
      expect(error).to.be.an("error").with.property("name", "PromiseError");
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
