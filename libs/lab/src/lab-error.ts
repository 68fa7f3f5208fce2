export interface LabErrorOptions {
  /** What the reader can do about it: a command, or a thing to install. */
  readonly hint?: string;
  /** The file that tells more. */
  readonly log?: string;
  readonly cause?: unknown;
}

/** Something a lab was asked for and could not do: the message names the thing, the reason, the log and the way out. */
export class LabError extends Error {
  override readonly name = "LabError";
  readonly hint: string | undefined;
  readonly log: string | undefined;

  constructor(what: string, options: LabErrorOptions = {}) {
    const log = options.log === undefined ? "" : `; see ${options.log}`;
    const hint = options.hint === undefined ? "" : `; ${options.hint}`;
    super(`${what}${log}${hint}`, options.cause === undefined ? {} : { cause: options.cause });
    this.hint = options.hint;
    this.log = options.log;
  }
}
