import { expect } from "chai";
import { hashOf, type Hash, type Inventory, type Manifest, type Store } from "../src/index.ts";

/** A store that is opened, used, and opened again as after a restart. */
export interface StoreRig extends AsyncDisposable {
  open(): Promise<Store>;
  /** Changes what is kept of a block, behind the store's back. */
  damage(hash: Hash): Promise<void>;
}

export const NAME = "test";

/** A snapshot of one file for each text. */
export function snapshot(epoch: number, sequence: number, texts: readonly string[]): Manifest {
  const entries = texts.map((text, at) => {
    const hash = hashOf(bytesOf(text));
    return { kind: "file" as const, path: `f${at}`, mode: 0o600, size: text.length, hash, blocks: [hash] };
  });
  return { name: NAME, epoch, sequence, leader: "a", replicas: ["a", "b", "c"], entries };
}

export function bytesOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text));
}

export async function keep(store: Store, manifest: Manifest, texts: readonly string[]): Promise<void> {
  for (const text of texts) await store.put(hashOf(bytesOf(text)), bytesOf(text));
  await store.commit(manifest);
}

/** What every store does, on a disk or not. */
export function describeStore(name: string, openRig: () => Promise<StoreRig>): void {
  describe(`a store ${name}`, () => {
    const inventoryOf = async (rig: StoreRig): Promise<Inventory> => (await rig.open()).inventory;

    it("begins empty", async () => {
      await using rig = await openRig();
      expect(await inventoryOf(rig)).to.deep.equal({
        promise: undefined,
        snapshots: [],
        lost: undefined,
        blocks: [],
      });
    });

    it("keeps promises and snapshots", async () => {
      await using rig = await openRig();
      const store = await rig.open();
      await store.promise({ epoch: 3, leader: "a" });
      await keep(store, snapshot(3, 1, ["one", "two"]), ["one", "two"]);
      await keep(store, snapshot(3, 2, ["one", "three"]), ["three"]);
      const inventory = await inventoryOf(rig);
      expect(inventory.promise).to.deep.equal({ epoch: 3, leader: "a" });
      expect(inventory.snapshots).to.deep.equal([
        snapshot(3, 1, ["one", "two"]),
        snapshot(3, 2, ["one", "three"]),
      ]);
      expect(inventory.lost).to.equal(undefined);
    });

    it("does not write a snapshot whose blocks it does not have", async () => {
      await using rig = await openRig();
      const store = await rig.open();
      const error: unknown = await store
        .commit(snapshot(1, 1, ["nowhere"]))
        .catch((caught: unknown) => caught);
      expect(error).to.be.an("error").with.property("name", "StoreError");
      expect((await inventoryOf(rig)).snapshots).to.deep.equal([]);
    });

    it("says what was lost when a block is damaged, and gives nothing for it", async () => {
      await using rig = await openRig();
      const store = await rig.open();
      await keep(store, snapshot(1, 1, ["old"]), ["old"]);
      await keep(store, snapshot(1, 2, ["new"]), ["new"]);
      await rig.damage(hashOf(bytesOf("new")));
      expect(await store.read(hashOf(bytesOf("new")))).to.equal(undefined);
      const inventory = await inventoryOf(rig);
      expect(inventory.snapshots).to.deep.equal([snapshot(1, 1, ["old"])]);
      expect(inventory.lost).to.deep.equal({ epoch: 1, sequence: 2 });
    });

    it("takes a damaged block again", async () => {
      await using rig = await openRig();
      await keep(await rig.open(), snapshot(1, 1, ["text"]), ["text"]);
      await rig.damage(hashOf(bytesOf("text")));
      const store = await rig.open();
      await keep(store, snapshot(1, 1, ["text"]), ["text"]);
      expect(Buffer.from((await store.read(hashOf(bytesOf("text")))) ?? []).toString()).to.equal("text");
      expect((await inventoryOf(rig)).lost).to.equal(undefined);
    });

    it("lets go of what it is told to", async () => {
      await using rig = await openRig();
      const store = await rig.open();
      await keep(store, snapshot(1, 1, ["old"]), ["old"]);
      await keep(store, snapshot(1, 2, ["new"]), ["new"]);
      await store.discard([{ epoch: 1, sequence: 1 }], [hashOf(bytesOf("old"))]);
      expect(store.has(hashOf(bytesOf("old")))).to.equal(false);
      const { snapshots, blocks } = await inventoryOf(rig);
      expect(snapshots).to.deep.equal([snapshot(1, 2, ["new"])]);
      expect(blocks).to.deep.equal([hashOf(bytesOf("new"))]);
    });
  });
}
