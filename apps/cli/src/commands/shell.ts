import { parseWords, splitAtDashes } from "../arguments.ts";
import { UsageError, type Command } from "../command.ts";
import { findLabMachine } from "../site.ts";

const LOGIN_SHELL = ["/bin/bash", "--login"];

export const shell: Command = {
  name: "shell",
  usage: "N [-- COMMAND...]",
  summary: "open a shell on machine N, or run a command there",
  details: [
    "N is m2, 2 or a node's name. Standard input and output are the command's; the exit code is its own.",
  ],
  async run(args, context) {
    const { before, after } = splitAtDashes(args);
    const { positionals } = parseWords(before, {}, { names: ["N"] });
    if (after?.length === 0) throw new UsageError("the command after -- is missing");
    const machine = await findLabMachine(positionals[0] ?? "", context);
    return machine.run(after ?? LOGIN_SHELL);
  },
};
