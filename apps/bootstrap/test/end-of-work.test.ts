import { silentLogger } from "@cluster-os/std";
import { expect } from "chai";
import { endWork } from "../src/end-of-work.ts";

describe("the end of a revoked machine's work", () => {
  function setUp() {
    const done: string[] = [];
    const note = (what: string) => () => Promise.resolve(void done.push(what));
    return {
      done,
      work: {
        stopLoops: note("loops"),
        stopMesh: note("mesh"),
        haltKubernetes: note("kubernetes"),
        logger: silentLogger,
      },
    };
  }

  it("begins with what would begin it anew, then cuts it off, then ends it", async () => {
    const { done, work } = setUp();
    await endWork(work, new AbortController().signal);
    expect(done).to.deep.equal(["loops", "mesh", "kubernetes"]);
  });

  it("stops trying when bootstrap stops", async () => {
    const { done, work } = setUp();
    const stopping = new AbortController();
    const stopMesh = (): Promise<void> => {
      setImmediate(() => stopping.abort());
      return Promise.reject(new Error("busy"));
    };
    await endWork({ ...work, stopMesh }, stopping.signal);
    expect(done).to.deep.equal(["loops"]);
  });
});
