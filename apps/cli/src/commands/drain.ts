import { RETIRING_LABEL, type Retiring } from "@cluster-os/api";
import { delay } from "@cluster-os/std/drivers";
import { parseWords } from "../arguments.ts";
import { CommandError, type Command, type Context } from "../command.ts";
import { findServer, kubectlCommand } from "../kubectl.ts";
import { openProgress } from "../output/progress.ts";
import { findNode, findSite, observe, type Observation } from "../site.ts";

/** A promotion and a demotion, and the time for which a candidate has to be well. */
const HAND_OVER_TIMEOUT_MS = 600_000;
/** After a change of roles no worker counts as well until it has said so under the new ones: that it lacks one must last. */
const HELD_MS = 15_000;

export const drain: Command = {
  name: "drain",
  usage: "NODE [--anyway] [--end]",
  summary: "take work, and its place in the control plane, from a node before its maintenance",
  details: [
    "NODE is a node's name; in a lab, also a machine (m3). It gets no new pods, those it has start elsewhere, and if it is a",
    "control-plane server, a worker takes its place first. It stays a member and can be switched off without harm.",
    "  --anyway  hand its place over although nobody could take it: one vote fewer is left",
    "  --end     the maintenance is over: it takes work again, and may serve",
  ],
  async run(args, context) {
    const options = { anyway: { type: "boolean" }, end: { type: "boolean" } } as const;
    const { positionals, values } = parseWords(args, options, { names: ["NODE"] });
    const node = await findNode(positionals[0] ?? "", context);
    if (values.end === true) return want(node, undefined, context);
    const progress = openProgress(context.stdout, () => context.clock.now());
    await want(node, values.anyway === true ? "anyway" : "when-replaced", context);
    progress.step(`${node} takes no new work`);
    await evict(node, context);
    progress.step("its pods are gone");
    await handOver(node, context, (what) => progress.step(what));
    progress.step("it has no part in the control plane");
    progress.end();
    context.stdout.write(
      `${node} can be switched off; when it is back: ${context.program} drain ${node} --end\n`,
    );
    return 0;
  },
};

/** Writes into its ClusterNode what is wanted of it; servers and the operator see to the rest. */
async function want(node: string, retiring: Retiring | undefined, context: Context): Promise<number> {
  const patch = {
    metadata: { labels: { [RETIRING_LABEL]: retiring ?? null } },
    spec: { unschedulable: retiring === undefined ? null : true },
  };
  return kubectl(["patch", "clusternode", node, "--type=merge", `--patch=${JSON.stringify(patch)}`], context);
}

async function evict(node: string, context: Context): Promise<void> {
  const words = ["--ignore-daemonsets", "--delete-emptydir-data", "--timeout=300s"];
  await kubectl(["drain", node, ...words], context);
}

async function kubectl(words: readonly string[], context: Context): Promise<number> {
  const { machines } = await findSite(context);
  const server = await findServer(machines, context);
  const exitCode = await server.run(kubectlCommand(words));
  if (exitCode !== 0)
    throw new CommandError(`kubectl ${words[0]} ended with ${exitCode}`, { hint: "see above" });
  return exitCode;
}

async function handOver(node: string, context: Context, tell: (what: string) => void): Promise<void> {
  const { machines } = await findSite(context);
  const deadline = context.clock.now() + HAND_OVER_TIMEOUT_MS;
  let told: string | undefined;
  let heldSince: number | undefined;
  for (;;) {
    const seen = await observe(machines);
    if (isOut(node, seen)) return;
    const autopilots = seen.flatMap(({ status }) => status?.controlPlane.autopilot ?? []);
    const autopilot = autopilots.find(({ isLeader }) => isLeader) ?? autopilots[0];
    heldSince = autopilot?.held === node ? (heldSince ?? context.clock.now()) : undefined;
    if (autopilot && heldSince !== undefined && context.clock.now() - heldSince >= HELD_MS) {
      throw heldBack(node, autopilot.reason, context);
    }
    if (autopilot !== undefined && autopilot.reason !== told) tell((told = autopilot.reason));
    if (context.clock.now() > deadline) {
      throw new CommandError(`${node} is a server still: ${told ?? "no server tells why"}`, {
        hint: `${context.program} plan`,
      });
    }
    await delay(context.pollMs);
  }
}

/**
 * By the word of all that know etcd's list. Its own word that it is a worker is not enough: it says so as soon as that is
 * decided, when it still has its vote.
 */
function isOut(node: string, seen: readonly Observation[]): boolean {
  const planes = seen.flatMap(({ status }) => status?.controlPlane ?? []);
  const informed = planes.filter(({ voters }) => voters.length > 0);
  return (
    informed.length > 0 &&
    informed.every(({ voters }) => !voters.some(({ name }) => name === node)) &&
    planes.every(({ autopilot }) => !autopilot?.servers.includes(node))
  );
}

function heldBack(node: string, reason: string, { program }: Context): CommandError {
  return new CommandError(`${node} stays a server: ${reason}`, {
    hint: `${program} drain ${node} --anyway, which leaves one vote fewer; or ${program} drain ${node} --end`,
  });
}
