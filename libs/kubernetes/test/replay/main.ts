/**
 * Leads a real etcd through histories of a control plane under autopilot, and compares it with the model at every moment:
 *
 *     npx nx run kubernetes:replay-autopilot -- --seeds 100 [--from 1] [--minutes 5] [--jobs 4] [--limit 60]
 *     npx nx run kubernetes:replay-autopilot -- --only 17,23
 *     npx nx run kubernetes:replay-autopilot -- --file histories.json          written by hand: a list of { seed, moments }
 *
 * Each has so many minutes of bad luck and as many of peace, which pass as fast as etcd follows; whatever the model says has to
 * come true within so many seconds. Prints each history in which it does not, with its seed and moment, and what all held.
 * Ends with 1 then. Needs root, for namespaces.
 */
import { access, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { runAlone } from "@cluster-os/lab/cable";
import { recordHistory } from "@cluster-os/simulator";
import { describeError } from "@cluster-os/std";
import { findHyperkube } from "@cluster-os/tools/api-server";
import { replay, type ReplayOptions } from "./replay.ts";
import { Site } from "./site.ts";
import { Totals } from "./totals.ts";

type History = ReplayOptions["history"];

const PREFIX = "replay-autopilot";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "10" },
    from: { type: "string", default: "1" },
    only: { type: "string" },
    file: { type: "string" },
    minutes: { type: "string", default: "5" },
    jobs: { type: "string", default: "4" },
    limit: { type: "string", default: "60" },
    /** Given to itself, inside its namespaces: where its files go, and Kubernetes' binary. */
    folder: { type: "string" },
    hyperkube: { type: "string" },
  },
});

const { folder, hyperkube } = values;
process.exitCode =
  folder === undefined || hyperkube === undefined ? await goInside() : await replayAll(folder, hyperkube);

/** Whatever becomes of the process inside, the kernel ends what it started; its files are removed here. */
async function goInside(): Promise<number> {
  const found = await findHyperkube();
  if ("missing" in found) throw new Error(found.missing);
  await removeLeftovers();
  const place = await mkdtemp(join(tmpdir(), `${PREFIX}-${process.pid}-`));
  try {
    const self = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
    return await runAlone([...self, "--folder", place, "--hyperkube", found.path]);
  } finally {
    await rm(place, { recursive: true });
  }
}

async function replayAll(place: string, program: string): Promise<number> {
  const waiting = await histories();
  const size = Math.max(...waiting.map(({ moments }) => moments[0]?.machines.length ?? 0));
  const sites = await Site.lay(Math.min(Number(values.jobs), waiting.length), size, place);
  const totals = new Totals();
  await Promise.all(
    sites.map(async (site) => {
      for (let history = waiting.shift(); history; history = waiting.shift()) {
        const options = { history, site, hyperkube: program, limitMs: Number(values.limit) * 1_000 };
        totals.add(history, await replay(options).catch(complain));
        await site.clear();
      }
    }),
  );
  console.log(totals.describe());
  return totals.hasFailed ? 1 : 0;
}

async function histories(): Promise<History[]> {
  if (values.file !== undefined) return JSON.parse(await readFile(values.file, "utf8")) as History[];
  const first = Number(values.from);
  const row = Array.from({ length: Number(values.seeds) }, (_, at) => first + at);
  const seeds = values.only?.split(",").map(Number) ?? row;
  return seeds.map((seed) => recordHistory({ seed, durationS: Number(values.minutes) * 60 }));
}

function complain(error: unknown): undefined {
  console.error(describeError(error));
}

/** What a run that was killed left behind. Names hold the process's ID. */
async function removeLeftovers(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const pid = new RegExp(`^${PREFIX}-(\\d+)-`).exec(name)?.[1];
    if (pid === undefined) continue;
    const isAlive = await access(`/proc/${pid}`).then(
      () => true,
      () => false,
    );
    if (!isAlive) await rm(join(tmpdir(), name), { recursive: true });
  }
}
