/**
 * What a ruleset - anybody's, as `nft --json list ruleset` prints it - does to a packet, as far as it can be told without the
 * kernel. Rules may look at things that are not known here; then the answer is "unknown", and never a guess.
 */
import { fits, type Packet } from "./packet.ts";

export type Judgement = "accept" | "drop" | "unknown";

interface Place {
  readonly family: string;
  readonly table: string;
}
interface ChainEntry extends Place {
  readonly name: string;
  readonly hook?: string;
  readonly prio?: number;
  readonly policy?: string;
  readonly type?: string;
}
interface RuleEntry extends Place {
  readonly chain: string;
  readonly comment?: string;
  readonly expr?: readonly Readonly<Record<string, unknown>>[];
}

/** A drop, and which table it is in; for an unknown, the table that could not be judged. */
export interface Verdict {
  readonly judgement: Judgement;
  /** "inet filter", of a drop or an unknown. */
  readonly table?: string;
}

const FAMILIES = { ip: ["inet", "ip"], ip6: ["inet", "ip6"] } as const;
const DROPS = new Set(["drop", "reject"]);

/** What becomes of the packet. Tables of which `isOurs` says so are not looked at. */
export function judge(
  json: string,
  packet: Packet,
  isOurs: (table: Place) => boolean = () => false,
): Verdict {
  const { nftables = [] } = JSON.parse(json) as { nftables?: readonly Readonly<Record<string, unknown>>[] };
  const families: readonly string[] = FAMILIES[packet.source.includes(":") ? "ip6" : "ip"];
  const all = <T extends Place>(kind: string): readonly T[] =>
    nftables
      .flatMap((entry) => (kind in entry ? [entry[kind] as T] : []))
      .filter((place) => families.includes(place.family) && !isOurs(place));
  const judging = {
    chains: all<ChainEntry>("chain"),
    rules: all<RuleEntry>("rule"),
    sets: setsOf(nftables),
    packet,
  };
  let unsure: Verdict | undefined;
  for (const chain of judging.chains.filter(({ hook, type }) => hook === packet.hook && type === "filter")) {
    const end = walk(judging, chain, 0);
    const judgement = end === "return" ? (chain.policy === "drop" ? "drop" : "accept") : end;
    const table = `${chain.family} ${chain.table}`;
    if (judgement === "drop") return { judgement, table };
    if (judgement === "unknown") unsure ??= { judgement, table };
  }
  return unsure ?? { judgement: "accept" };
}

interface Judging {
  readonly chains: readonly ChainEntry[];
  readonly rules: readonly RuleEntry[];
  readonly sets: ReadonlyMap<string, unknown>;
  readonly packet: Packet;
}

type End = Judgement | "return";
const DEEPEST = 16; // NFT_JUMP_STACK_SIZE

/** Follows the packet through a chain. A rule of which it is not known whether it fits makes the end unknown, if it matters. */
function walk(judging: Judging, chain: ChainEntry, depth: number): End {
  const mayEnd = new Set<End>();
  const rules = judging.rules.filter(
    (rule) => rule.chain === chain.name && rule.table === chain.table && rule.family === chain.family,
  );
  for (const { expr = [] } of rules) {
    const fit = fitsAll(judging, expr, chain);
    if (fit === false) continue;
    const end = endOf(judging, expr, chain, depth);
    if (end === undefined) continue;
    if (fit === true) return settle(mayEnd, end);
    mayEnd.add(end);
  }
  return settle(mayEnd, "return");
}

/** The certain end, unless one of the possible earlier ones differs from it. */
function settle(possible: ReadonlySet<End>, certain: End): End {
  return [...possible].every((end) => end === certain) ? certain : "unknown";
}

function fitsAll(
  { packet, sets }: Judging,
  expr: readonly Readonly<Record<string, unknown>>[],
  place: Place,
): boolean | undefined {
  let isCertain = true;
  for (const statement of expr) {
    if ("xt" in statement && !isTarget(statement["xt"])) isCertain = false;
    if (!("match" in statement)) continue;
    const { op, left, right } = statement["match"] as { op: string; left: unknown; right: unknown };
    const fit = fits(packet, op, left, resolve(right, sets, place));
    if (fit === false) return false;
    if (fit === undefined) isCertain = false;
  }
  return isCertain ? true : undefined;
}

/** How a rule that fits ends the walk; undefined if it does not. */
function endOf(
  judging: Judging,
  expr: readonly Readonly<Record<string, unknown>>[],
  chain: ChainEntry,
  depth: number,
): End | undefined {
  for (const statement of expr) {
    const [word = ""] = Object.keys(statement);
    if (word === "accept") return "accept";
    if (DROPS.has(word)) return "drop";
    if (word === "return") return "return";
    if (word === "vmap" || word === "queue") return "unknown";
    if (word === "xt" && isTarget(statement["xt"]))
      return JSON.stringify(statement["xt"]).includes("REJECT") ? "drop" : undefined;
    if (word !== "jump" && word !== "goto") continue;
    const { target } = statement[word] as { target: string };
    const next = judging.chains.find(
      ({ name, table, family }) => name === target && table === chain.table && family === chain.family,
    );
    const end = next === undefined || depth >= DEEPEST ? "unknown" : walk(judging, next, depth + 1);
    if (end !== "return") return end;
    if (word === "goto") return "return";
  }
  return undefined;
}

function isTarget(xt: unknown): boolean {
  return typeof xt === "object" && xt !== null && (xt as { type?: unknown }).type === "target";
}

/** Named sets by their place: "inet filter @ports". */
function setsOf(entries: readonly Readonly<Record<string, unknown>>[]): ReadonlyMap<string, unknown> {
  return new Map(
    entries.flatMap((entry) => {
      const set = entry["set"] as (Place & { name: string; elem?: readonly unknown[] }) | undefined;
      return set ? [[`${set.family} ${set.table} @${set.name}`, { set: set.elem ?? [] }] as const] : [];
    }),
  );
}

function resolve(right: unknown, sets: ReadonlyMap<string, unknown>, { family, table }: Place): unknown {
  if (typeof right !== "string" || !right.startsWith("@")) return right;
  return sets.get(`${family} ${table} ${right}`);
}
