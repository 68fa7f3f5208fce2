import { AUTOPILOT_PAUSE_ANNOTATION, NAMESPACE, ROLES_OBJECT, type AutopilotStatus } from "@cluster-os/api";
import { parseFormat, parseWords } from "../arguments.ts";
import { CommandError, type Command, type Context } from "../command.ts";
import { findServer, kubectlCommand } from "../kubectl.ts";
import { findSite, observe } from "../site.ts";
import { renderAutopilot } from "../views.ts";

export const plan: Command = {
  name: "plan",
  usage: "[-o json]",
  summary: "show what autopilot would do with the control plane next, and why it waits",
  details: [
    "-o json   the plan in the shape of docs/reference",
    "",
    "Changes nothing. `pause` keeps autopilot from doing it.",
  ],
  async run(args, context) {
    const { values } = parseWords(args, { output: { type: "string", short: "o" } });
    const format = parseFormat(values.output);
    const autopilot = await ask(context);
    context.stdout.write(
      format === "json" ? `${JSON.stringify(autopilot, undefined, 2)}\n` : renderPlan(autopilot),
    );
    return 0;
  },
};

export const pause: Command = {
  name: "pause",
  usage: "[REASON...]",
  summary: "keep autopilot from changing who runs the control plane",
  details: ["The reason is shown by `status` and `plan` until `resume`. What is under way already goes on."],
  async run(args, context) {
    const reason = args.join(" ") || "by hand";
    return annotate(`${AUTOPILOT_PAUSE_ANNOTATION}=${reason}`, context);
  },
};

export const resume: Command = {
  name: "resume",
  usage: "",
  summary: "let autopilot act again after `pause`",
  details: [],
  run(args, context) {
    parseWords(args, {});
    return annotate(`${AUTOPILOT_PAUSE_ANNOTATION}-`, context);
  },
};

async function annotate(change: string, context: Context): Promise<number> {
  const { machines } = await findSite(context);
  const server = await findServer(machines, context);
  const words = [`--namespace=${NAMESPACE}`, "annotate", "--overwrite", "configmap", ROLES_OBJECT, change];
  return server.run(kubectlCommand(words));
}

/** The word of the server that acts, or else of any that knows. */
async function ask(context: Context): Promise<AutopilotStatus> {
  const { machines } = await findSite(context);
  const told = (await observe(machines)).flatMap(({ status }) => status?.controlPlane.autopilot ?? []);
  const found = told.find(({ isLeader }) => isLeader) ?? told[0];
  if (found) return found;
  throw new CommandError("no control-plane server answers that could tell", {
    hint: `${context.program} status`,
  });
}

function renderPlan(autopilot: AutopilotStatus): string {
  const servers = `Servers: ${autopilot.servers.join(", ")}\n`;
  return renderAutopilot(autopilot) + servers;
}
