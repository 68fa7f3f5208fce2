import { z } from "zod";

/** What a schema cannot say: in CEL for the API server, as a function for zod, with one message for both. */
export interface Rule<Value> {
  readonly cel: string;
  readonly holds: (value: Value) => boolean;
  readonly message: string;
  /** Where zod reports it, below the schema; the API server reports it on the schema itself. */
  readonly path?: readonly string[];
}

/** A rule in CEL only: it compares with the object as it was, which zod does not know. */
export interface TransitionRule {
  readonly cel: string;
  readonly message: string;
}

/** `schema` with rules: zod checks what the API server checks, and says it in the same words. */
export function ruled<Schema extends z.ZodType>(
  schema: Schema,
  rules: readonly (Rule<z.output<Schema>> | TransitionRule)[],
): Schema {
  let refined = schema;
  for (const rule of rules) {
    if (!("holds" in rule)) continue;
    const { holds, message, path } = rule;
    refined = refined.refine(holds, { message, ...(path && { path: [...path] }) });
  }
  return refined.meta({
    "x-kubernetes-validations": rules.map(({ cel, message }) => ({ rule: cel, message })),
  });
}

/** The rule that a text has this shape. */
export function matching(pattern: RegExp, message: string): Rule<string> {
  return { cel: `self.matches(r"${pattern.source}")`, holds: (text) => pattern.test(text), message };
}

/** A text of one shape. Both sides refuse another with `message`, and not with a regular expression. */
export function shaped(pattern: RegExp, maxLength: number, message: string) {
  return ruled(z.string().min(1).max(maxLength), [matching(pattern, message)]);
}
