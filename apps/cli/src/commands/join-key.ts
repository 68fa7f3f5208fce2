import { parseWords } from "../arguments.ts";
import { newJoinKey } from "../cluster-config.ts";
import type { Command } from "../command.ts";

export const joinKey: Command = {
  name: "join-key",
  usage: "",
  summary: "print a new join key for the given file of machines",
  details: [
    "32 random bytes in base64. Machines with the same join key become one cluster: keep it as a password.",
  ],
  run(args, { rng, stdout }) {
    parseWords(args, {});
    stdout.write(`${newJoinKey(rng)}\n`);
    return Promise.resolve(0);
  },
};
