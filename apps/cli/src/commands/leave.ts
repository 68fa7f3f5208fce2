import { delay } from "@cluster-os/std/drivers";
import { parseWords } from "../arguments.ts";
import type { Command, Context } from "../command.ts";
import { openProgress } from "../output/progress.ts";
import { findMachine, type LocalApi, type Machine } from "../site.ts";

export const leave: Command = {
  name: "leave",
  usage: "[N] [--anyway]",
  summary: "take machine N out of the cluster in good order; on a node: this machine",
  details: [
    "Its pods end and start elsewhere, the others are told, and it stays out, through reboots too, until `join`. It keeps",
    "its identity and its index. A control-plane server hands its place over first: a worker becomes a server, then this",
    "machine leaves etcd. Where nobody can take its place it is refused, and you are told why.",
    "  --anyway  go all the same, with one vote fewer for the others; never the last server",
    "Until its work ends, it is called off by ending this command.",
  ],
  async run(args, context) {
    const { positionals, values } = parseWords(
      args,
      { anyway: { type: "boolean" } },
      { names: ["N"], optional: 1 },
    );
    const machine = await findMachine(positionals[0], context);
    const api = await machine.api();
    const answered = new AbortController();
    const telling = tellWhatItWaitsFor(machine, context, answered.signal);
    try {
      const { name, clusterId } = await ask(api, values.anyway ?? false);
      context.stdout.write(`${name} has left cluster ${clusterId}\n`);
      return 0;
    } finally {
      answered.abort();
      await telling;
    }
  },
};

function ask(api: LocalApi, anyway: boolean) {
  return api.leave(anyway ? { anyway } : {});
}

/** A promotion takes half a minute: so long nobody likes to hear nothing. */
async function tellWhatItWaitsFor(machine: Machine, context: Context, signal: AbortSignal): Promise<void> {
  const progress = openProgress(context.stderr, () => context.clock.now());
  let told: string | undefined;
  while (!signal.aborted) {
    await delay(context.pollMs, signal).catch(() => undefined);
    if (signal.aborted) break;
    const status = await (await machine.api()).status(signal).catch(() => undefined);
    if (status?.leaving === undefined || status.leaving === told) continue;
    told = status.leaving;
    progress.step(told);
  }
  progress.end();
}
