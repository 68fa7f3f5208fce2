import { parseWords } from "../arguments.ts";
import { UsageError, type Command, type Context } from "../command.ts";
import { findLabMachine } from "../site.ts";

export const partition: Command = {
  name: "partition",
  usage: "A|B",
  summary: "split the lab's network into groups of machines that do not hear each other",
  details: [
    "Groups are separated by | and machines by commas: partition 'm1|m2,m3' cuts m1 off. Machines that are not named",
    "are together in one more group. The next `partition` replaces this one; `heal` ends it.",
  ],
  async run(args, context) {
    const { positionals } = parseWords(args, {}, { names: ["A|B"] });
    const groups = await parseGroups(positionals[0] ?? "", context);
    await context.lab.partition(groups);
    const shown = groups.map((group) => group.map((number) => `m${number}`).join(" ")).join(" | ");
    context.stdout.write(`the network is split: ${shown}\n`);
    return 0;
  },
};

async function parseGroups(text: string, context: Context): Promise<readonly (readonly number[])[]> {
  const groups = await Promise.all(
    text.split("|").map(async (group) => {
      const words = group.split(",").map((word) => word.trim());
      const machines = await Promise.all(words.map((word) => findLabMachine(word, context)));
      return machines.map(({ number }) => number);
    }),
  );
  const named = groups.flat();
  const twice = named.find((number, at) => named.indexOf(number) !== at);
  if (twice !== undefined) throw new UsageError(`m${twice} is in two groups: a machine has one cable`);
  return groups;
}
