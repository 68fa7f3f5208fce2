import type { Command } from "../command.ts";
import { findServer, kubectlCommand } from "../kubectl.ts";
import { findSite } from "../site.ts";

export const kubectl: Command = {
  name: "kubectl",
  usage: "ARGUMENTS...",
  summary: "run kubectl as the administrator, on a machine that serves the API",
  details: [
    "Everything after the word is kubectl's, and so is the exit code. Standard input passes: a file of this host goes in",
    "with `kubectl apply -f - < FILE`, because file names are those of the machine.",
  ],
  async run(args, context) {
    const { machines } = await findSite(context);
    const server = await findServer(machines, context);
    return server.run(kubectlCommand(args));
  },
};
