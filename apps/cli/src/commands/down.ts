import { parseWords } from "../arguments.ts";
import type { Command } from "../command.ts";
import { requireLab } from "../site.ts";

export const down: Command = {
  name: "down",
  usage: "",
  summary: "end all machines of the lab and leave nothing of them",
  details: ["Also after a crash of `up`. When there is nothing to end, it says so and succeeds."],
  async run(args, context) {
    const { lab, stdout } = context;
    parseWords(args, {});
    requireLab(context);
    const wasThere = await lab.down();
    stdout.write(
      wasThere ? "the machines are gone, and nothing is left of them\n" : "the lab was down already\n",
    );
    return 0;
  },
};
