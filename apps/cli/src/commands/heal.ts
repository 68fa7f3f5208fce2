import { parseWords } from "../arguments.ts";
import type { Command } from "../command.ts";

export const heal: Command = {
  name: "heal",
  usage: "",
  summary: "end a partition: every machine of the lab hears every other again",
  details: [],
  async run(args, context) {
    parseWords(args, {});
    await context.lab.heal();
    context.stdout.write("the network is whole\n");
    return 0;
  },
};
