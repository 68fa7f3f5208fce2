import type { ClusterStatus } from "@cluster-os/api";
import { parseFormat, parseWords } from "../arguments.ts";
import { CommandError, type Command, type Context } from "../command.ts";
import { findSite, observe, type Site } from "../site.ts";
import { renderStatus, type Seen } from "../views.ts";
import { pickWitness } from "../witness.ts";

export const status: Command = {
  name: "status",
  usage: "[-o json]",
  summary: "show the cluster: its nodes, who serves, the mesh, and what is wrong",
  details: [
    "-o json   the cluster as one member sees it, in the shape of docs/reference",
    "",
    "On a node it asks that node; on a host with a lab it asks all machines.",
  ],
  async run(args, context) {
    const { values } = parseWords(args, { output: { type: "string", short: "o" } });
    const format = parseFormat(values.output);
    const site = await findSite(context);
    const seen = await see(site);
    const cluster = await askCluster(site, seen);
    if (format === "json") {
      if (cluster === undefined) throw nobodyAnswers(seen, context);
      context.stdout.write(`${JSON.stringify(cluster, undefined, 2)}\n`);
      return 0;
    }
    if (site.kind === "node" && cluster === undefined) throw nobodyAnswers(seen, context);
    context.stdout.write(
      renderStatus(seen, cluster, { nowMs: context.clock.wallTime(), program: context.program }),
    );
    return 0;
  },
};

async function see(site: Site): Promise<readonly Seen[]> {
  const observations = await observe(site.machines);
  return Promise.all(
    observations.map(async (observation) => {
      const machine =
        site.kind === "lab" ? site.machines.find(({ name }) => name === observation.machine) : undefined;
      const lastName = observation.status?.name ?? (await machine?.lastNodeName());
      return { ...observation, lastName };
    }),
  );
}

/** What the machine says of the cluster that knows most of it. */
async function askCluster(site: Site, seen: readonly Seen[]): Promise<ClusterStatus | undefined> {
  return (await pickWitness(site.machines, seen)?.api())?.cluster();
}

function nobodyAnswers(seen: readonly Seen[], { program }: Context): CommandError {
  const [first] = seen;
  const reason = first?.silence ?? "every machine of the lab is off";
  return new CommandError(`nobody can tell of the cluster: ${reason}`, { hint: `${program} help` });
}
