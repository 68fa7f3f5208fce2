import { expect } from "chai";
import { fork, type ChildProcess } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { waitFor } from "@cluster-os/std/drivers";
import { Authority, freePort } from "./support/authority.ts";
import type { Order, ReplicaProcessOptions, Report } from "./support/replica-process.ts";
import { scriptOf } from "./support/slurm-writer.ts";

const IDS = ["a", "b", "c"];

/** A replica in a process of its own. */
class Machine {
  readonly folder: string;
  readonly reports: Report[] = [];
  readonly #process: ChildProcess;
  readonly #ended: Promise<void>;

  constructor(options: ReplicaProcessOptions) {
    this.folder = options.folder;
    this.#process = fork(join(import.meta.dirname, "support/replica-process.ts"), [JSON.stringify(options)], {
      execArgv: ["--conditions=@cluster-os/source", "--disable-warning=ExperimentalWarning"],
    });
    this.#process.on("message", (report: Report) => void this.reports.push(report));
    this.#ended = new Promise((resolve) => this.#process.once("exit", () => resolve()));
  }

  tell(order: Order): void {
    this.#process.send(order);
  }

  said(kind: Report["kind"], times = 1): Promise<boolean> {
    return waitFor(() => this.reports.filter((report) => report.kind === kind).length >= times, {
      what: `"${kind}" of a replica`,
      timeoutMs: 100_000,
    });
  }

  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#ended;
  }
}

describe("three processes over TLS", () => {
  it("kill -9 of the leader amid a burst: everything acknowledged is in what the next one starts from", async () => {
    const folder = await mkdtemp(join(tmpdir(), "cluster-os-replicas-"));
    using authority = new Authority();
    const hosts = IDS.map((id, at) => [id, `127.0.0.${21 + at}`] as const);
    const addresses = Object.fromEntries(
      await Promise.all(hosts.map(async ([id, host]) => [id, { host, port: await freePort(host) }] as const)),
    );
    const machines = IDS.map(
      (self) =>
        new Machine({
          self,
          folder: join(folder, self),
          addresses,
          credentials: authority.issue(`agent:${self}`),
        }),
    );
    const [a, b] = machines as [Machine, Machine, Machine];
    try {
      await Promise.all(machines.map((machine) => machine.said("listening")));
      a.tell({ kind: "lead", epoch: 1, mayFound: true });
      await a.said("leading");
      a.tell({ kind: "burst", from: 1 });
      await a.said("kept", 3);
      await a.kill();
      const kept = Math.max(...a.reports.map((report) => (report.kind === "kept" ? report.job : 0)));
      b.tell({ kind: "lead", epoch: 2, mayFound: false });
      await b.said("leading");
      const state = join(b.folder, "state");
      const jobs = JSON.parse(await readFile(join(state, "job_state"), "utf8")) as readonly number[];
      expect(jobs.length, "jobs that the state knows").to.be.least(kept);
      for (const job of jobs) {
        const script = await readFile(join(state, `hash.${job % 10}/job.${job}/script`), "utf8");
        expect(script, `job ${job}`).to.equal(scriptOf(job));
      }
    } finally {
      await Promise.all(machines.map((machine) => machine.kill()));
      await rm(folder, { recursive: true });
    }
  }).timeout(180_000);
});
