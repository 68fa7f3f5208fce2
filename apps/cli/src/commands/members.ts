import type { MemberList } from "@cluster-os/api";
import { parseFormat, parseWords } from "../arguments.ts";
import { CommandError, type Command, type Context } from "../command.ts";
import { findSite, observe } from "../site.ts";
import { renderMembers } from "../views.ts";
import { pickWitness } from "../witness.ts";

export const members: Command = {
  name: "members",
  usage: "[-o json]",
  summary: "list the members: roles, capabilities, and how the others see them",
  details: ["-o json   the list in the shape of docs/reference"],
  async run(args, context) {
    const { values } = parseWords(args, { output: { type: "string", short: "o" } });
    const format = parseFormat(values.output);
    const list = await ask(context);
    context.stdout.write(format === "json" ? `${JSON.stringify(list, undefined, 2)}\n` : renderMembers(list));
    return 0;
  },
};

async function ask(context: Context): Promise<MemberList> {
  const { machines } = await findSite(context);
  const observations = await observe(machines);
  const machine = pickWitness(machines, observations);
  if (machine !== undefined) return (await machine.api()).members();
  const reason = observations[0]?.silence ?? "every machine of the lab is off";
  throw new CommandError(`nobody can list the members: ${reason}`, { hint: `${context.program} status` });
}
