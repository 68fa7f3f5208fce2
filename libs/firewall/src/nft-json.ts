import { z } from "zod";
import { PRIORITY, type Chain, type Rule, type Ruleset, type Statement, type Table } from "./ruleset.ts";

/**
 * The input for `nft --json --file` that puts a table in the place of the one that is there, in one transaction: no packet
 * meets half a ruleset, and a refused one changes nothing. A table is added first, since only one that is there can be
 * deleted.
 */
export function renderReplacement(table: Table, { chains }: Ruleset): string {
  const add = { add: { table } };
  return render([add, { delete: { table } }, add, ...chains.flatMap((chain) => renderChain(table, chain))]);
}

/** The input that removes a table, whether it is there or not. */
export function renderRemoval(table: Table): string {
  return render([{ add: { table } }, { delete: { table } }]);
}

function renderChain(table: Table, { name, type, hook, rules }: Chain): readonly object[] {
  const place = { family: table.family, table: table.name };
  const base = { ...place, name, type, hook, prio: PRIORITY[type], policy: "accept" };
  return [
    { add: { chain: base } },
    ...rules.map((rule) => ({ add: { rule: { ...place, chain: name, ...rule } } })),
  ];
}

function render(commands: readonly object[]): string {
  return `${JSON.stringify({ nftables: commands }, undefined, 1)}\n`;
}

const Chains = z.object({
  chain: z.object({ name: z.string(), type: z.string().optional(), hook: z.string().optional() }),
});
const Rules = z.object({
  rule: z.object({
    chain: z.string(),
    comment: z.string().default(""),
    expr: z.array(z.record(z.string(), z.unknown())),
  }),
});

/**
 * A table as `nft --json list table` prints it. Rules that somebody else put there come along, whatever they are made of:
 * they differ from every plan.
 */
export function parseTable(json: string): Ruleset {
  const { nftables } = z.object({ nftables: z.array(z.unknown()) }).parse(JSON.parse(json));
  const rules = nftables.flatMap((entry) => Rules.safeParse(entry).data?.rule ?? []);
  const chains = nftables.flatMap((entry) => Chains.safeParse(entry).data?.chain ?? []);
  return {
    chains: chains.map(({ name, type, hook }) => ({
      name,
      type: type as Chain["type"],
      hook: hook as Chain["hook"],
      rules: rules
        .filter(({ chain }) => chain === name)
        .map(({ comment, expr }): Rule => ({ comment, expr: expr as unknown as readonly Statement[] })),
    })),
  };
}
