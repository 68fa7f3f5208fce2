import { expect } from "chai";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "@cluster-os/std";
import { waitFor } from "@cluster-os/std/drivers";
import { MemoryNetwork, slurmReadingOrder } from "../src/index.ts";
import { NotLeadingError, openFolderStore, openReplica, type Replica } from "../src/drivers/index.ts";
import { save, submit } from "./support/slurm-writer.ts";

const SET = ["a", "b", "c"];
const PATIENCE_MS = 60_000;

/** Three replicas with real folders, in one process. */
class Machines implements AsyncDisposable {
  readonly folder: string;
  readonly network = new MemoryNetwork();
  readonly replicas = new Map<string, Replica>();

  constructor(folder: string) {
    this.folder = folder;
  }

  static async open(): Promise<Machines> {
    const machines = new Machines(await mkdtemp(join(tmpdir(), "cluster-os-replica-")));
    for (const id of SET) await machines.start(id);
    return machines;
  }

  state(id: string): string {
    return join(this.folder, id, "state");
  }

  of(id: string): Replica {
    return this.replicas.get(id) as Replica;
  }

  async start(id: string): Promise<void> {
    await mkdir(this.state(id), { recursive: true });
    const replica = openReplica({
      self: id,
      name: "slurmctld",
      directory: this.state(id),
      order: slurmReadingOrder,
      store: await openFolderStore({ folder: join(this.folder, id, "store"), name: "slurmctld" }),
      transport: this.network.join(id),
      logger: silentLogger,
    });
    this.replicas.set(id, replica);
  }

  lead(id: string, epoch: number, mayFound = false) {
    return this.of(id).lead({ epoch, replicas: SET, mayFound }, AbortSignal.timeout(PATIENCE_MS));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const replica of this.replicas.values()) await replica[Symbol.asyncDispose]();
    await rm(this.folder, { recursive: true });
  }
}

describe("a replica", function () {
  this.timeout(2 * PATIENCE_MS);
  const signal = (): AbortSignal => AbortSignal.timeout(PATIENCE_MS);

  it("hands over what was flushed, and tells the old leader", async () => {
    await using machines = await Machines.open();
    const first = await machines.lead("a", 1, true);
    for (let job = 1; job <= 5; job += 1) submit(machines.state("a"), job, 1);
    await machines.of("a").flush(signal());
    await machines.lead("b", 2);
    expect(await readFile(join(machines.state("b"), "job_state"), "utf8")).to.equal("[1,2,3,4,5]");
    expect(first.signal.aborted).to.equal(true);
    expect(first.signal.reason).to.be.instanceOf(NotLeadingError);
  });

  it("notices changes by itself", async () => {
    await using machines = await Machines.open();
    await machines.lead("a", 1, true);
    const before = machines.of("b").report().position?.sequence ?? 0;
    save(machines.state("a"), "job_state", "changed");
    const kept = () => (machines.of("b").report().position?.sequence ?? 0) > before;
    await waitFor(kept, { what: "the change on a follower", timeoutMs: PATIENCE_MS });
  });

  it("that led this epoch before takes the directory as it lies there", async () => {
    await using machines = await Machines.open();
    await machines.lead("a", 1, true);
    await machines.of("a")[Symbol.asyncDispose]();
    await writeFile(join(machines.state("a"), "job_state"), "written while nobody looked");
    await machines.start("a");
    await machines.lead("a", 1);
    expect(await readFile(join(machines.state("a"), "job_state"), "utf8")).to.equal(
      "written while nobody looked",
    );
    await machines.of("a").flush(signal());
    await machines.lead("c", 2);
    expect(await readFile(join(machines.state("c"), "job_state"), "utf8")).to.equal(
      "written while nobody looked",
    );
  });

  it("says no to an epoch that is somebody else's, and flushes only as a leader", async () => {
    await using machines = await Machines.open();
    await machines.lead("a", 3, true);
    await waitFor(() => machines.of("b").report().promised === 3, {
      what: "the promise",
      timeoutMs: PATIENCE_MS,
    });
    for (const attempt of [machines.lead("b", 3), machines.of("b").flush(signal())]) {
      const error: unknown = await attempt.catch((caught: unknown) => caught);
      expect(error).to.be.instanceOf(NotLeadingError);
    }
  });
});
