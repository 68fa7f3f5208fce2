import { expect } from "chai";
import fc from "fast-check";
import { execFileSync, fork } from "node:child_process";
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { delay, waitFor } from "@cluster-os/std/drivers";
import {
  MemoryStore,
  plainReadingOrder,
  slurmReadingOrder,
  type Entry,
  type Manifest,
  type Store,
} from "../src/index.ts";
import { DirectoryReader, DirectoryWatch, ReadingError, restoreDirectory } from "../src/drivers/index.ts";
import { save, scriptOf, submit } from "./support/slurm-writer.ts";

const SETTLED_MS = 120;

let folder: string;
let directory: string;
let store: MemoryStore;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cluster-os-directory-"));
  directory = join(folder, "state");
  await mkdir(directory, { mode: 0o750 });
  store = new MemoryStore("test");
});
afterEach(async function () {
  this.timeout(60_000);
  await rm(folder, { recursive: true });
});

function manifestOf(entries: readonly Entry[]): Manifest {
  return { name: "test", epoch: 1, sequence: 1, leader: "a", replicas: ["a"], entries };
}

async function textOf(
  entries: readonly Entry[],
  path: string,
  from: Store = store,
): Promise<string | undefined> {
  const entry = entries.find((one) => one.path === path);
  if (entry?.kind !== "file") return undefined;
  const blocks = await Promise.all(entry.blocks.map((hash) => from.read(hash)));
  return Buffer.concat(blocks.map((block) => block ?? new Uint8Array())).toString();
}

function jobFolder(job: number): string {
  return join(directory, `hash.${job % 10}/job.${job}`);
}

/** Changes one place, where that can be done. */
async function alter(kind: string, at: string, to: string): Promise<void> {
  const acts: Record<string, () => Promise<unknown>> = {
    folder: () => mkdir(at),
    file: () => writeFile(at, to),
    link: () => symlink(to, at),
    remove: () => rm(at, { recursive: true }),
    move: () => rename(at, to),
  };
  await acts[kind]?.().catch(() => undefined);
}

describe("a directory", () => {
  it("is put back as it was read: contents, modes, links, folders; nothing else stays", async () => {
    await mkdir(join(directory, "hash.1/job.1"), { recursive: true, mode: 0o700 });
    await writeFile(join(directory, "hash.1/job.1/script"), "text", { mode: 0o640 });
    await writeFile(join(directory, "large"), Buffer.alloc(2_500_000, "ab"));
    await writeFile(join(directory, "empty"), "");
    await symlink("large", join(directory, "link"));
    await chmod(join(directory, "hash.1"), 0o500);
    const entries = await new DirectoryReader(directory, plainReadingOrder, store).read();
    await chmod(join(directory, "hash.1"), 0o700);
    await writeFile(join(directory, "later"), "not part of it");
    await restoreDirectory({ directory, manifest: manifestOf(entries), store });
    expect((await readdir(directory)).sort()).to.deep.equal(["empty", "hash.1", "large", "link"]);
    expect(await readFile(join(directory, "hash.1/job.1/script"), "utf8")).to.equal("text");
    expect((await readFile(join(directory, "large"))).equals(Buffer.alloc(2_500_000, "ab"))).to.equal(true);
    expect(await readlink(join(directory, "link"))).to.equal("large");
    const modes = ["", "hash.1", "hash.1/job.1/script"].map(
      async (path) => (await stat(join(directory, path))).mode & 0o777,
    );
    expect(await Promise.all(modes)).to.deep.equal([0o750, 0o500, 0o640]);
    await chmod(join(directory, "hash.1"), 0o700);
    expect(await new DirectoryReader(directory, plainReadingOrder, store).read()).to.have.length(
      entries.length,
    );
  });

  it("is left alone when a block is damaged, and the block is named", async () => {
    await writeFile(join(directory, "file"), "text");
    const entries = await new DirectoryReader(directory, plainReadingOrder, store).read();
    const [hash = ""] = entries[0]?.kind === "file" ? entries[0].blocks : [];
    store.damage(hash);
    const error: unknown = await restoreDirectory({ directory, manifest: manifestOf(entries), store }).catch(
      (caught: unknown) => caught,
    );
    expect(error).to.have.property("name", "RestoreError");
    expect(error).to.have.deep.property("damaged", [hash]);
    expect(await readFile(join(directory, "file"), "utf8")).to.equal("text");
  });

  it("is put in place again where a crash left it in between", async () => {
    await writeFile(join(directory, "file"), "text");
    const entries = await new DirectoryReader(directory, plainReadingOrder, store).read();
    await rename(directory, `${directory}.replaced`);
    await mkdir(`${directory}.restoring`);
    await writeFile(join(`${directory}.restoring`, "half"), "");
    await restoreDirectory({ directory, manifest: manifestOf(entries), store });
    expect(await readdir(directory)).to.deep.equal(["file"]);
  });

  it("is put in place also where it came with the image, in a root of layers", async function () {
    if (process.getuid?.() !== 0) return this.skip();
    this.timeout(60_000);
    const program = join(import.meta.dirname, "support/restore-process.ts");
    const layers = join(folder, "layers");
    // A file system of its own below: the machine's own may be of layers itself. All of it ends with the process.
    const script = [
      'mount -t tmpfs tmpfs "$0"',
      'mkdir -p "$0/lower/state" "$0/upper" "$0/work" "$0/root"',
      'echo before > "$0/lower/state/file"',
      'mount -t overlay overlay -o "lowerdir=$0/lower,upperdir=$0/upper,workdir=$0/work" "$0/root"',
      'exec "$1" --conditions=@cluster-os/source "$2" "$0/root/state"',
    ].join(" && ");
    await mkdir(layers);
    const args = [
      "--mount",
      "--propagation",
      "private",
      "sh",
      "-c",
      script,
      layers,
      process.execPath,
      program,
    ];
    const printed = execFileSync("unshare", args, { encoding: "utf8" });
    expect(JSON.parse(printed)).to.deep.equal({ state: ["new"], replaced: ["file"] });
  });

  it("notices a file of the same size and times of moments ago", async () => {
    const reader = new DirectoryReader(directory, slurmReadingOrder, store);
    for (let round = 0; round < 20; round += 1) {
      save(directory, "job_state", `round ${String(round).padStart(2, "0")}`);
      expect(await textOf(await reader.read(), "job_state")).to.equal(
        `round ${String(round).padStart(2, "0")}`,
      );
    }
  });

  it("is read by who read it before as by one who reads it for the first time", async () => {
    const places = ["a", "b", "a/c", "a/d", "b/c", "a/c/e", "b/c/e"];
    const change = fc.record({
      kind: fc.constantFrom("folder", "file", "link", "remove", "move"),
      at: fc.constantFrom(...places),
      to: fc.constantFrom(...places),
    });
    const rounds = fc.array(fc.array(change, { minLength: 1, maxLength: 6 }), { minLength: 2, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(rounds, async (batches) => {
        await rm(directory, { recursive: true });
        await mkdir(directory);
        const reader = new DirectoryReader(directory, plainReadingOrder, store);
        for (const batch of batches) {
          for (const { kind, at, to } of batch) await alter(kind, join(directory, at), join(directory, to));
          const fresh = new DirectoryReader(directory, plainReadingOrder, store);
          expect(await reader.read()).to.deep.equal(await fresh.read());
          // Now their times tell what has changed since: only then anything is believed without a look.
          await delay(SETTLED_MS);
          await reader.read();
        }
      }),
      { numRuns: 20 },
    );
  }).timeout(120_000);

  it("of slurmctld is read, without a look at all of it, as by one who reads it for the first time", async () => {
    const job = fc.integer({ min: 1, max: 12 });
    const act = fc.record({ kind: fc.constantFrom("submit", "forget", "save"), job });
    const rounds = fc.array(fc.array(act, { minLength: 1, maxLength: 6 }), { minLength: 2, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(rounds, async (batches) => {
        await rm(directory, { recursive: true });
        await mkdir(directory);
        for (let number = 1; number <= 6; number += 1) submit(directory, number, 1);
        const reader = new DirectoryReader(directory, slurmReadingOrder, store, { agedMs: SETTLED_MS });
        for (const batch of batches) {
          for (const { kind, job: number } of batch) {
            if (kind === "submit") submit(directory, number, 1);
            else if (kind === "forget") await rm(jobFolder(number), { recursive: true, force: true });
            else save(directory, "job_state", JSON.stringify([number]));
          }
          const fresh = new DirectoryReader(directory, slurmReadingOrder, store);
          expect(await reader.read(false)).to.deep.equal(await fresh.read());
          await delay(SETTLED_MS + 20);
          // The first look says since when it is so; the second one that it still is.
          await reader.read(false);
          await reader.read(false);
        }
      }),
      { numRuns: 20 },
    );
  }).timeout(120_000);

  it("has all of it looked at when that is asked for: what should not change, too", async () => {
    submit(directory, 1, 1);
    const reader = new DirectoryReader(directory, slurmReadingOrder, store, { agedMs: SETTLED_MS });
    await delay(SETTLED_MS + 20);
    for (let look = 0; look < 3; look += 1) await reader.read(false);
    await writeFile(join(jobFolder(1), "script"), "other");
    await writeFile(join(jobFolder(1), "more"), "new");
    const script = "hash.1/job.1/script";
    expect(await textOf(await reader.read(false), script), "is not looked at").to.equal(scriptOf(1));
    const all = await reader.read(true);
    expect(await textOf(all, script)).to.equal("other");
    expect(await textOf(all, "hash.1/job.1/more")).to.equal("new");
  });

  it("is not read without what lasts", async () => {
    save(directory, "job_state", "one");
    const reader = new DirectoryReader(directory, slurmReadingOrder, store);
    await reader.read();
    await rm(join(directory, "job_state"));
    const error: unknown = await reader.read().catch((caught: unknown) => caught);
    expect(error).to.be.instanceOf(ReadingError);
    save(directory, "job_state", "two");
    expect(await textOf(await reader.read(), "job_state")).to.equal("two");
  });

  it("of slurmctld is whole at any moment: every job in job_state has its script", async () => {
    const path = join(import.meta.dirname, "support/writer-process.ts");
    const writer = fork(path, [directory], {
      execArgv: ["--conditions=@cluster-os/source"],
      stdio: "ignore",
    });
    let hasEnded = false;
    const ended = new Promise<void>((resolve) => writer.once("exit", () => resolve()));
    void ended.then(() => (hasEnded = true));
    try {
      const reader = new DirectoryReader(directory, slurmReadingOrder, store);
      await waitFor(async () => (await readdir(directory)).includes("node_state"), {
        what: "jobs",
        timeoutMs: 60_000,
      });
      let last = 0;
      for (let isLast = false; !isLast;) {
        isLast = hasEnded;
        const entries = await reader.read();
        const jobs = JSON.parse((await textOf(entries, "job_state")) ?? "") as readonly number[];
        for (const job of jobs.slice(last)) {
          const script = await textOf(entries, `hash.${job % 10}/job.${job}/script`);
          expect(script, `job ${job}`).to.equal(scriptOf(job));
        }
        expect(jobs.length).to.be.least(Math.max(1, last));
        last = jobs.length;
        expect(entries.filter(({ path: name }) => /\.(new|old)$/.test(name))).to.deep.equal([]);
      }
      expect(last).to.equal(80);
    } finally {
      writer.kill("SIGKILL");
      await ended;
    }
  }).timeout(120_000);
});

describe("a watch", () => {
  it("tells of files that are replaced by links, and of jobs in their folders", async () => {
    submit(directory, 1, 1);
    let changes = 0;
    using watch = new DirectoryWatch(directory, slurmReadingOrder, () => {
      changes += 1;
      // As at each reading.
      void watch.refresh();
    });
    await watch.refresh();
    const noticed = async (act: () => void | Promise<void>): Promise<void> => {
      const before = changes;
      await act();
      await waitFor(() => changes > before, { what: "a change", timeoutMs: 20_000, everyMs: 5 });
    };
    await noticed(() => save(directory, "job_state", "two"));
    await noticed(() => mkdir(join(directory, "hash.1/job.11")).then(() => {}));
    await noticed(() => rm(join(directory, "hash.1"), { recursive: true }));
    await noticed(() => mkdir(join(directory, "hash.1")).then(() => {}));
    let job = 20;
    // It may have to see that the folder is another one first.
    const noticedInside = async (): Promise<boolean> => {
      const before = changes;
      await mkdir(join(directory, `hash.1/job.${(job += 1)}`));
      await delay(20);
      return changes > before;
    };
    await waitFor(noticedInside, { what: "a change in the new folder", timeoutMs: 20_000 });
  }).timeout(60_000);
});
