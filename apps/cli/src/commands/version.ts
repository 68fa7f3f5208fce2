import { parseWords } from "../arguments.ts";
import type { Command } from "../command.ts";

export const version: Command = {
  name: "version",
  usage: "",
  summary: "print the version of this program",
  details: [],
  run(args, context) {
    parseWords(args, {});
    context.stdout.write(`${context.version}\n`);
    return Promise.resolve(0);
  },
};
