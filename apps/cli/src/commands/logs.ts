import { parseWhole, parseWords } from "../arguments.ts";
import type { Command } from "../command.ts";
import { findLabMachine } from "../site.ts";

/** journalctl matches units by pattern: bootstrap, node-agent, balancer, image import. */
const OURS = "cluster-os-*";

export const logs: Command = {
  name: "logs",
  usage: "N [-f] [-n LINES] [--unit UNIT | --all]",
  summary: "show the log of machine N, also of one that is off",
  details: [
    "-f, --follow        go on with new lines",
    "-n, --lines LINES   the last lines only",
    "--unit UNIT         of one unit, for example kubelet (default: all units of Cluster-OS)",
    "--all               of everything on the machine",
  ],
  async run(args, context) {
    const { values, positionals } = parseWords(
      args,
      {
        follow: { type: "boolean", short: "f" },
        lines: { type: "string", short: "n" },
        unit: { type: "string" },
        all: { type: "boolean" },
      },
      { names: ["N"] },
    );
    const lines =
      values.lines === undefined ? {} : { lines: parseWhole(values.lines, "--lines", 1, 1_000_000) };
    const unit = values.all === true ? {} : { unit: values.unit ?? OURS };
    const machine = await findLabMachine(positionals[0] ?? "", context);
    return machine.logs({ follow: values.follow === true, ...lines, ...unit });
  },
};
