import type { Match, Rule, Selector, Value } from "./ruleset.ts";

/** A rule in nftables' own words, shortened: `tcp dport 22 accept  # SSH`. Of what is not ours, the JSON. */
export function describeRule({ comment, expr }: Rule): string {
  const words = expr.map((statement) => {
    if ("match" in statement) return describeMatch(statement.match);
    if ("counter" in statement) return "counter";
    if ("accept" in statement) return "accept";
    if ("dnat" in statement) return `dnat to ${statement.dnat.addr}`;
    return "drop" in statement ? "drop" : JSON.stringify(statement);
  });
  return comment === "" ? words.join(" ") : `${words.join(" ")}  # ${comment}`;
}

/** How many packets a rule met; nothing of a rule that does not count. */
export function countOf({ expr }: Rule): { readonly packets?: number } {
  for (const statement of expr) if ("counter" in statement) return { packets: statement.counter.packets };
  return {};
}

function describeMatch({ op, left, right }: Match): string {
  return `${describeSelector(left)} ${op === "!=" ? "!= " : ""}${describeValue(right)}`;
}

function describeSelector(selector: Selector): string {
  if ("meta" in selector) return selector.meta.key === "l4proto" ? "protocol" : selector.meta.key;
  if ("payload" in selector) return `${selector.payload.protocol} ${selector.payload.field}`;
  if ("ct" in selector) return selector.ct.dir === "original" ? "asked for" : `ct ${selector.ct.key}`;
  return JSON.stringify(selector);
}

function describeValue(value: Value): string {
  if (typeof value === "string" || typeof value === "number") return String(value);
  if (Array.isArray(value)) return value.map(describeValue).join(",");
  if ("set" in value) return `{ ${value.set.map(describeValue).join(", ")} }`;
  if ("range" in value) return value.range.join("-");
  return "prefix" in value ? `${value.prefix.addr}/${value.prefix.len}` : JSON.stringify(value);
}
