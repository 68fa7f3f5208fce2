import { z } from "zod";
import { PRIORITY, TABLE, type Chain, type Rule, type Ruleset, type Statement } from "./ruleset.ts";

/**
 * The input for `nft --json --file` that puts our table in the place of the one that is there, in one transaction: no packet
 * meets half a ruleset, and a refused one changes nothing. A table is added first, since only one that is there can be
 * deleted.
 */
export function renderReplacement(ruleset: Ruleset): string {
  const table = { table: TABLE };
  return render([{ add: table }, { delete: table }, { add: table }, ...ruleset.chains.flatMap(renderChain)]);
}

/** The input that removes our table, whether it is there or not. */
export function renderRemoval(): string {
  const table = { table: TABLE };
  return render([{ add: table }, { delete: table }]);
}

function renderChain({ name, hook, rules }: Chain): readonly object[] {
  const place = { family: TABLE.family, table: TABLE.name };
  const base = { ...place, name, type: "filter", hook, prio: PRIORITY, policy: "accept" };
  return [
    { add: { chain: base } },
    ...rules.map((rule) => ({ add: { rule: { ...place, chain: name, ...rule } } })),
  ];
}

function render(commands: readonly object[]): string {
  return `${JSON.stringify({ nftables: commands }, undefined, 1)}\n`;
}

const Chains = z.object({ chain: z.object({ name: z.string(), hook: z.string().optional() }) });
const Rules = z.object({
  rule: z.object({
    chain: z.string(),
    comment: z.string().default(""),
    expr: z.array(z.record(z.string(), z.unknown())),
  }),
});

/**
 * Our table as `nft --json list table` prints it. Rules that somebody else put there come along, whatever they are made of:
 * they differ from every plan.
 */
export function parseTable(json: string): Ruleset {
  const { nftables } = z.object({ nftables: z.array(z.unknown()) }).parse(JSON.parse(json));
  const rules = nftables.flatMap((entry) => Rules.safeParse(entry).data?.rule ?? []);
  const chains = nftables.flatMap((entry) => Chains.safeParse(entry).data?.chain ?? []);
  return {
    chains: chains.map(({ name, hook }) => ({
      name,
      hook: hook as Chain["hook"],
      rules: rules
        .filter(({ chain }) => chain === name)
        .map(({ comment, expr }): Rule => ({ comment, expr: expr as unknown as readonly Statement[] })),
    })),
  };
}
