import { parseArgs, type ParseArgsConfig } from "node:util";
import { UsageError } from "./command.ts";

type Options = NonNullable<ParseArgsConfig["options"]>;
type Parsed<T extends Options> = ReturnType<
  typeof parseArgs<{ args: string[]; options: T; allowPositionals: true; strict: true }>
>;

export interface Positionals {
  /** Their names, for the message: ["N"]. */
  readonly names: readonly string[];
  /** How many of them may be left out, from the end. */
  readonly optional?: number;
}

/** Node's own parser, with errors for people: an unknown option, a missing or a superfluous word is a {@link UsageError}. */
export function parseWords<T extends Options>(
  args: readonly string[],
  options: T,
  { names, optional = 0 }: Positionals = { names: [] },
): Parsed<T> {
  const parsed = attempt(args, options);
  const missing = names.slice(parsed.positionals.length, names.length - optional);
  if (missing.length > 0) throw new UsageError(`${missing.join(" and ")} is missing`);
  const [superfluous] = parsed.positionals.slice(names.length);
  if (superfluous !== undefined) throw new UsageError(`"${superfluous}" is one word too many`);
  return parsed;
}

/** A whole number within bounds, or a {@link UsageError} that names the option. */
export function parseWhole(text: string, what: string, least: number, most: number): number {
  const value = /^[0-9]{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new UsageError(`${what} is a whole number from ${least} to ${most}, not "${text}"`);
}

/** The value of `-o`: text for people, or json. */
export function parseFormat(text: string | undefined): "text" | "json" {
  if (text === undefined || text === "text") return "text";
  if (text === "json") return "json";
  throw new UsageError(`the output is text or json, not "${text}"`);
}

/** The words before a lone "--" and those after it; undefined if there is none. */
export function splitAtDashes(args: readonly string[]): {
  readonly before: readonly string[];
  readonly after: readonly string[] | undefined;
} {
  const dashes = args.indexOf("--");
  if (dashes < 0) return { before: args, after: undefined };
  return { before: args.slice(0, dashes), after: args.slice(dashes + 1) };
}

function attempt<T extends Options>(args: readonly string[], options: T): Parsed<T> {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    // Its second sentence explains how to write a positional that begins with a dash, which none here does.
    const [sentence = error.message] = error.message.split(". ");
    throw new UsageError(sentence.charAt(0).toLowerCase() + sentence.slice(1), { cause: error });
  }
}
