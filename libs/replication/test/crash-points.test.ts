import { expect } from "chai";
import {
  EMPTY_INVENTORY,
  hashOf,
  StorePlanner,
  takeInventory,
  type DiskStep,
  type Hash,
  type Inventory,
} from "../src/index.ts";
import { bytesOf, NAME, snapshot } from "./store.contract.ts";

const OLD = snapshot(2, 7, ["a", "b"]);
const NEW = snapshot(2, 8, ["a", "c"]);

interface File {
  readonly bytes: Uint8Array;
  readonly isSafe: boolean;
}

/** Which of two states of the disk, for each thing that is not flushed: as if nothing of it were there, all, or half of a file. */
type Fate = "lost" | "there" | "torn";

/** The files after the first `count` steps and a power cut. Names that are not flushed share the fate of content that is not. */
function disk(steps: readonly DiskStep[], count: number, fate: Fate): ReadonlyMap<string, Uint8Array> {
  let now = new Map<string, File>();
  let safe = new Map<string, File>();
  const folderOf = (path: string): string =>
    path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : ".";
  for (const step of steps.slice(0, count)) {
    now = new Map(now);
    if (step.kind === "write") now.set(step.path, { bytes: step.bytes, isSafe: false });
    if (step.kind === "sync") {
      for (const path of step.paths) now.set(path, { ...(now.get(path) as File), isSafe: true });
      for (const path of step.paths) if (safe.has(path)) safe.set(path, now.get(path) as File);
    }
    if (step.kind === "rename") {
      now.set(step.to, now.get(step.from) as File);
      now.delete(step.from);
    }
    if (step.kind === "remove") now.delete(step.path);
    if (step.kind === "sync-folder") {
      const others = [...safe].filter(([path]) => folderOf(path) !== step.path);
      safe = new Map([...others, ...[...now].filter(([path]) => folderOf(path) === step.path)]);
    }
  }
  const left = fate === "lost" ? safe : new Map([...safe, ...now]);
  return new Map(
    [...left].flatMap(([path, { bytes, isSafe }]): [string, Uint8Array][] => {
      if (isSafe || fate === "there") return [[path, bytes]];
      return fate === "torn" ? [[path, bytes.subarray(0, bytes.length >> 1)]] : [];
    }),
  );
}

function inventoryOf(files: ReadonlyMap<string, Uint8Array>): Inventory {
  const below = (folder: string): [string, Uint8Array][] =>
    [...files].flatMap(([path, bytes]) =>
      path.startsWith(`${folder}/`) ? [[path.split("/").at(-1) ?? "", bytes]] : [],
    );
  const manifests = new Map(below("manifests").filter(([file]) => !file.endsWith(".new")));
  const blocks = new Set<Hash>(
    below("blocks").flatMap(([hash, bytes]) => (hashOf(bytes) === hash ? [hash] : [])),
  );
  return takeInventory({ promise: files.get("promise"), manifests, blocks }, NAME);
}

function put(planner: StorePlanner, ...texts: readonly string[]): readonly DiskStep[] {
  return texts.flatMap((text) => planner.put(hashOf(bytesOf(text)), bytesOf(text)));
}

describe("a power cut", () => {
  const planner = new StorePlanner(EMPTY_INVENTORY);
  const before = [
    ...planner.promise({ epoch: 2, leader: "a" }),
    ...put(planner, "a", "b"),
    ...planner.commit(OLD),
  ];
  planner.committed();
  const writing = [...put(planner, "c"), ...planner.commit(NEW)];
  planner.committed();
  const promising = planner.promise({ epoch: 3, leader: "b" });
  const discarding = planner.discard([OLD], [hashOf(bytesOf("b"))]);

  for (const fate of ["lost", "there", "torn"] as const) {
    it(`at any step of a commit leaves the old snapshot or the new one (unflushed: ${fate})`, () => {
      const all = [...before, ...writing];
      for (let count = before.length; count <= all.length; count += 1) {
        const { snapshots, lost } = inventoryOf(disk(all, count, fate));
        const what = `after ${JSON.stringify(all[count - 1]?.kind)} (${count})`;
        expect(lost, what).to.equal(undefined);
        expect(snapshots[0], what).to.deep.equal(OLD);
        if (count === all.length) expect(snapshots.at(-1), "once it is done").to.deep.equal(NEW);
      }
    });

    it(`at any step of a promise leaves the old one or the new one (unflushed: ${fate})`, () => {
      const all = [...before, ...writing, ...promising];
      const start = before.length + writing.length;
      for (let count = start; count <= all.length; count += 1) {
        const { promise } = inventoryOf(disk(all, count, fate));
        expect(promise?.epoch, `step ${count}`).to.be.oneOf(count === all.length ? [3] : [2, 3]);
      }
    });

    it(`at any step of tidying leaves the new snapshot, and nothing that looks lost (unflushed: ${fate})`, () => {
      const all = [...before, ...writing, ...promising, ...discarding];
      for (let count = all.length - discarding.length; count <= all.length; count += 1) {
        const { snapshots, lost } = inventoryOf(disk(all, count, fate));
        expect(snapshots.at(-1)).to.deep.equal(NEW);
        expect(lost).to.equal(undefined);
      }
    });
  }

  it("blocks that a process wrote before it ended are flushed by the next one, before a snapshot needs them", () => {
    const found = { ...EMPTY_INVENTORY, blocks: [hashOf(bytesOf("a")), hashOf(bytesOf("c"))] };
    const steps = new StorePlanner(found).commit(NEW);
    expect(steps[0]).to.have.property("kind", "sync");
    expect(steps[0]).to.have.property("paths").with.length(2);
  });
});
