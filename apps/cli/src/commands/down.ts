import { parseWords } from "../arguments.ts";
import type { Command } from "../command.ts";

export const down: Command = {
  name: "down",
  usage: "",
  summary: "end all machines of the lab and leave nothing of them",
  details: ["Also after a crash of `up`. When there is nothing to end, it says so and succeeds."],
  async run(args, { lab, stdout }) {
    parseWords(args, {});
    const wasThere = await lab.down();
    stdout.write(
      wasThere ? "the machines are gone, and nothing is left of them\n" : "the lab was down already\n",
    );
    return 0;
  },
};
