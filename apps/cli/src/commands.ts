import { parseWords } from "./arguments.ts";
import { UsageError, type Command } from "./command.ts";
import { approve } from "./commands/approve.ts";
import { audit } from "./commands/audit.ts";
import { doctor } from "./commands/doctor.ts";
import { down } from "./commands/down.ts";
import { drain } from "./commands/drain.ts";
import { firewall } from "./commands/firewall.ts";
import { info } from "./commands/info.ts";
import { joinKey } from "./commands/join-key.ts";
import { heal } from "./commands/heal.ts";
import { join } from "./commands/join.ts";
import { kill } from "./commands/kill.ts";
import { kubectl } from "./commands/kubectl.ts";
import { key } from "./commands/key.ts";
import { leave } from "./commands/leave.ts";
import { logs } from "./commands/logs.ts";
import { members } from "./commands/members.ts";
import { partition } from "./commands/partition.ts";
import { pending } from "./commands/pending.ts";
import { pause, plan, resume } from "./commands/plan.ts";
import { recover } from "./commands/recover.ts";
import { revoke } from "./commands/revoke.ts";
import { shell } from "./commands/shell.ts";
import { start } from "./commands/start.ts";
import { status } from "./commands/status.ts";
import { up } from "./commands/up.ts";
import { upgrade } from "./commands/upgrade.ts";
import { version } from "./commands/version.ts";
import { renderCommandHelp, renderHelp } from "./help.ts";
import { nearest } from "@cluster-os/api";

const help: Command = {
  name: "help",
  usage: "[COMMAND]",
  summary: "list the commands, or tell more of one",
  details: [],
  run(args, { stdout }) {
    const { positionals } = parseWords(args, {}, { names: ["COMMAND"], optional: 1 });
    const [name] = positionals;
    stdout.write(name === undefined ? renderHelp(COMMANDS) : renderCommandHelp(findCommand(name)));
    return Promise.resolve(0);
  },
};

/** In the order in which one needs them. */
export const COMMANDS: readonly Command[] = [
  up,
  status,
  members,
  plan,
  pause,
  resume,
  doctor,
  firewall,
  kubectl,
  shell,
  logs,
  info,
  kill,
  start,
  drain,
  recover,
  upgrade,
  leave,
  join,
  pending,
  approve,
  revoke,
  key,
  audit,
  partition,
  heal,
  down,
  joinKey,
  help,
  version,
];

/** The command of that name. Throws a {@link UsageError} that suggests what was probably meant. */
export function findCommand(name: string): Command {
  const found = COMMANDS.find((command) => command.name === name);
  if (found !== undefined) return found;
  const meant = nearest(
    name,
    COMMANDS.map((command) => command.name),
  );
  const suggestion = meant === undefined ? "see: cluster-os help" : `did you mean "${meant}"?`;
  throw new UsageError(`there is no command "${name}"; ${suggestion}`);
}
