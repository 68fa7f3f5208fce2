import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "@cluster-os/std";
import type { NodeId } from "@cluster-os/identity";
import { expect } from "chai";
import { depart, type DepartureOptions } from "../src/departure.ts";

const SELF = `ed25519:${"7".repeat(64)}` as NodeId;

describe("a departure", () => {
  let folder: string;
  let done: string[];
  let options: DepartureOptions;
  const act = (name: string) => () => Promise.resolve(void done.push(name));

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "departure-"));
    done = [];
    options = {
      self: SELF,
      clusterId: "c0ffee",
      isServer: false,
      stopLoops: act("loops"),
      leaveKubernetes: act("kubernetes"),
      departurePath: join(folder, "left"),
      tellOthers: act("others"),
      stopMesh: act("mesh"),
      onEnd: (hasLeft) => void done.push(hasLeft ? "left" : "failed"),
      logger: silentLogger,
    };
  });
  afterEach(() => rm(folder, { recursive: true }));

  const isOnDisk = () =>
    readFile(options.departurePath).then(
      () => true,
      () => false,
    );

  it("ends work, says goodbye, and takes the mesh away last", async () => {
    expect((await depart(options)).clusterId).to.equal("c0ffee");
    expect(done).to.deep.equal(["loops", "kubernetes", "others", "mesh", "left"]);
    expect(await isOnDisk()).to.equal(true);
  });

  it("is on disk before anybody is told", async () => {
    let wasOnDisk = false;
    await depart({ ...options, tellOthers: async () => void (wasOnDisk = await isOnDisk()) });
    expect(wasOnDisk).to.equal(true);
  });

  const refused: readonly [string, Partial<DepartureOptions>, string][] = [
    ["a control-plane server", { isServer: true }, "is a control-plane server: its vote would be missed"],
    ["a machine without a cluster", { clusterId: undefined }, "in no cluster yet"],
  ];
  for (const [who, change, words] of refused) {
    it(`of ${who} is refused, and nothing is begun`, async () => {
      const error = await depart({ ...options, ...change }).catch((refusal: unknown) => refusal);
      expect(error).to.have.property("status", 409);
      expect((error as Error).message).to.include(words);
      expect(done).to.deep.equal([]);
    });
  }

  it("that fails half-way is not one: the machine is a member when it starts again", async () => {
    const broken = { ...options, leaveKubernetes: () => Promise.reject(new Error("containerd hangs")) };
    const error = await depart(broken).catch((refusal: unknown) => refusal);
    expect((error as Error).message).to.equal("containerd hangs");
    expect(done).to.deep.equal(["loops", "failed"]);
    expect(await isOnDisk()).to.equal(false);
  });
});
