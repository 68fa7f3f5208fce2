import type { JoinKeyList } from "@cluster-os/api";
import { parseWords } from "../arguments.ts";
import { newJoinKey } from "../cluster-config.ts";
import { UsageError, type Command } from "../command.ts";
import { renderTable } from "../output/table.ts";
import { findServer } from "../site.ts";

export const joinKey: Command = {
  name: "join-key",
  usage: "[show | rotate]",
  summary: "print a new join key for the given file of machines; show or replace a cluster's",
  details: [
    "Without a word: 32 random bytes in base64. Machines with the same join key become one cluster: keep it as a password.",
    "  show    the keys that the cluster knows, with their IDs; whoever has a retired one waits for approval",
    "  rotate  makes a new key in the cluster and retires all others; members stay members, whatever their file says",
  ],
  async run(args, context) {
    const { positionals } = parseWords(args, {}, { names: ["show"], optional: 1 });
    const [word] = positionals;
    switch (word) {
      case undefined:
        context.stdout.write(`${newJoinKey(context.rng)}\n`);
        return 0;
      case "show":
        context.stdout.write(render(await (await findServer(context)).joinKeys()));
        return 0;
      case "rotate":
        context.stdout.write(render(await (await findServer(context)).rotateJoinKey()));
        return 0;
      default:
        throw new UsageError(`it is show or rotate, not "${word}"`);
    }
  },
};

function render(keys: JoinKeyList): string {
  if (keys.length === 0) return "this machine knows no join key: everybody waits for approval\n";
  const rows = keys.map(({ id, joinKey: key, isRetired, isGiven }) => [
    id,
    isRetired ? "retired" : "lets in",
    isGiven ? "given file" : "cluster",
    key,
  ]);
  return renderTable(["ID", "STATE", "FROM", "JOIN KEY"], rows);
}
