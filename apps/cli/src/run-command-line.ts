import { UsageError, type Command, type Context } from "./command.ts";
import { findCommand } from "./commands.ts";
import { renderCommandHelp, usageLine } from "./help.ts";

/** Runs one command line and gives the exit code: 0 done, 1 failed, 2 not understood, or what the command passes on. */
export async function runCommandLine(argv: readonly string[], context: Context): Promise<number> {
  const [word = "help", ...args] = argv;
  let command: Command | undefined;
  try {
    command = findCommand(SYNONYMS[word] ?? word);
    if (asksForHelp(command, args)) {
      context.stdout.write(renderCommandHelp(command));
      return 0;
    }
    return await command.run(args, context);
  } catch (error) {
    const usage = error instanceof UsageError && command !== undefined ? `${usageLine(command)}\n` : "";
    context.stderr.write(`cluster-os: ${describe(error)}\n${usage}`);
    return error instanceof UsageError ? 2 : 1;
  }
}

const SYNONYMS: Readonly<Record<string, string>> = { "--help": "help", "-h": "help", "--version": "version" };

/** kubectl answers --help itself, and after "--" the words are another program's. */
function asksForHelp({ name }: Command, args: readonly string[]): boolean {
  if (name === "kubectl") return false;
  const [own = []] = [args.includes("--") ? args.slice(0, args.indexOf("--")) : args];
  return own.includes("--help") || own.includes("-h");
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // Errors with a name of their own say what to do; of others the place is what helps.
  return error.name === "Error" || error.name === "TypeError"
    ? (error.stack ?? error.message)
    : error.message;
}
