import {
  isMap,
  isScalar,
  LineCounter,
  parseDocument,
  type Document,
  type YAMLError,
  type YAMLMap,
} from "yaml";
import { z } from "zod";
import { FirewallMode } from "./firewall.ts";
import { nearest } from "./nearest.ts";

/** Where the given file lies on a machine. */
export const CONFIG_FILE_PATH = "/etc/cluster-os/cluster-os.yaml";

/** A field's schema, with what the reference says of it and what an error tells a person to write. */
function field<Schema extends z.ZodType>(schema: Schema, description: string, write: string) {
  return schema.optional().meta({ description, write });
}

const Port = z.int().min(1).max(65_535);
const TIME_SOURCE = /^[0-9A-Za-z]([0-9A-Za-z.:-]{0,252}[0-9A-Za-z])?$/;
const OPEN_PORT = /^[1-9]\d{0,4}(-[1-9]\d{0,4})?\/(tcp|udp)$/;
/** Whole units from a second on, and no zero: what is lost for no time at all is not lost. */
const DURATION = /^[1-9][0-9]{0,4}(s|m|h)$/;
const SEED = /^(\[[0-9A-Fa-f:.]+(%[\w.-]+)?\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?):([1-9]\d{0,4})$/;

/**
 * What a machine is given: the one file that a person or a stick writes. Everything is optional; an empty file is a
 * machine that waits to be approved by a person.
 */
export const ClusterConfigFile = z.strictObject({
  joinKey: field(
    z.string().refine(isJoinKey),
    "The key that lets this machine apply to a cluster: 32 random bytes in base64. The same on every machine of a " +
      "cluster. Without it, the machine waits until a person approves it.",
    "32 bytes in base64 (44 characters), the same on every machine; `cluster-os join-key` prints a new one",
  ),
  expect: field(
    z.int().min(1).max(4096),
    "How many machines found the cluster together. They wait for each other; those that come later join. Without it, " +
      "the machines found a cluster once no new one has appeared for a while.",
    "a whole number from 1 to 4096, for example 3",
  ),
  admission: field(
    z.enum(["open", "approve"]),
    "Who is let in. `open`: holders of the join key, unattended. `approve`: everybody waits until a person approves the " +
      "machine, by `cluster-os approve` or its ClusterNode. Counts on control-plane servers: the same on every machine. " +
      "Default open.",
    "open or approve",
  ),
  seeds: field(
    z.array(z.string().regex(SEED)).max(64),
    "Members to ask besides those that are found on the local network: `host:port`, IPv6 addresses in brackets.",
    'a list of at most 64 addresses with ports, for example ["10.0.0.7:8686", "[fe80::1%eth0]:8686"]',
  ),
  label: field(
    z.string().regex(/^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/),
    "A name of the site's own for this machine, shown beside the name that follows from its key.",
    "1 to 63 letters, digits, dots, hyphens and underscores, for example rack4-node7",
  ),
  gossipPort: field(
    Port,
    "UDP and TCP port for discovery and membership. The same on every machine. Default 8686.",
    "a port number from 1 to 65535, for example 8686",
  ),
  wireguardPort: field(
    Port,
    "UDP port of the encrypted mesh. Default 51820.",
    "a port number from 1 to 65535, for example 51820",
  ),
  timeSources: field(
    z.array(z.string().regex(TIME_SOURCE)).max(16),
    "Time servers (NTP) outside of the cluster, by name or address; they replace those that DHCP offers. Without any, " +
      "the machines agree on a time among themselves.",
    'a list of at most 16 names or addresses, for example ["ntp.example.org", "10.0.0.1"]',
  ),
  firewall: field(
    FirewallMode,
    "Whether this machine refuses what comes from the local network and is neither gossip, WireGuard, SSH, DHCP, ICMP nor " +
      "a port in `openPorts`. `observe` counts what would be refused, and refuses nothing. Default on.",
    "on, off or observe",
  ),
  openPorts: field(
    z.array(z.string().regex(OPEN_PORT).refine(isPortRange)).max(64),
    "Ports that the firewall opens on the local network for users: `port/tcp`, `port/udp`, or a range of ports. SSH is " +
      "always open and needs no entry.",
    'a list of at most 64 ports with their protocols, for example ["443/tcp", "60000-61000/udp"]',
  ),
  patience: field(
    z.int().min(1).max(20),
    "How many times slower than usual hardware the machines are: others may take so many times longer to answer, steps " +
      "of Kubernetes too; lost members, and leaders of etcd and the controllers, are missed so much later; pods' probes " +
      "and balancers look so much less often; node-agents' and operators' leases live so much longer. The same on every machine. Default 1.",
    "a whole number from 1 to 20, for example 3",
  ),
  failedServerGrace: field(
    z.string().regex(DURATION),
    "How long a control-plane server must not have answered before another machine takes its place for good. The same on " +
      "every machine. Default 5m.",
    "a number of seconds, minutes or hours, for example 90s, 5m or 1h",
  ),
  snapshotInterval: field(
    z.string().regex(DURATION),
    "How often a control-plane server takes a snapshot of all that Kubernetes knows; two other machines get a copy, sealed. " +
      "The same on every machine. Default 1h.",
    "a number of seconds, minutes or hours, for example 15m or 1h",
  ),
  certificateLife: field(
    z
      .string()
      .regex(DURATION)
      .refine((text) => durationMs(text) >= 86_400_000),
    "How long certificates of control-plane servers live that are made from now on (kubeadm). A server renews its own when a " +
      "third of that is left, once all others are well. The same on every machine. Default 8760h, a year.",
    "a number of hours, 24h or more, for example 2160h",
  ),
  maxServers: field(
    z.union([z.literal(1), z.literal(3), z.literal(5)]),
    "How many machines run the control plane at most: a cluster of three machines or more has three, one of seven or " +
      "more has five. The same on every machine. Default 5.",
    "1, 3 or 5",
  ),
  kubernetes: field(
    z.enum(["kubeadm", "k3s"]),
    "Which distribution of Kubernetes this machine runs; the same on every machine of a cluster. By default the one that " +
      "is installed: kubeadm with the package cluster-os-kubernetes, k3s with cluster-os-k3s.",
    "kubeadm or k3s",
  ),
  logLevel: field(
    z.enum(["debug", "info", "warn", "error"]),
    "The least level that is written to the journal. Default info.",
    "debug, info, warn or error",
  ),
});
export type ClusterConfigFile = z.infer<typeof ClusterConfigFile>;

/** Milliseconds of a duration as the file has it: "90s", "5m", "1h"; NaN of anything else. */
export function durationMs(text: string): number {
  if (!DURATION.test(text)) return Number.NaN;
  const units: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000 };
  return Number(text.slice(0, -1)) * (units[text.slice(-1)] ?? Number.NaN);
}

/** One thing that is wrong with the file. */
export interface ConfigProblem {
  /** Counted from 1. */
  readonly line?: number;
  readonly message: string;
}

/** The given file cannot be used. The message lists every problem, and never a value, since one of them is secret. */
export class ConfigFileError extends Error {
  override readonly name = "ConfigFileError";
  readonly problems: readonly ConfigProblem[];

  constructor(path: string, problems: readonly ConfigProblem[]) {
    const lines = problems.map(({ line, message }) =>
      line === undefined ? message : `line ${line}: ${message}`,
    );
    super(`${path} cannot be used: ${lines.join("; ")}`);
    this.problems = problems;
  }
}

/** Reads the text of `cluster-os.yaml`. Throws a {@link ConfigFileError} with everything that is wrong. */
export function parseConfigFile(text: string, path: string = CONFIG_FILE_PATH): ClusterConfigFile {
  const lines = new LineCounter();
  // Not "pretty": that would quote the line, and the line may hold the join key.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, version: "1.2" });
  if (document.errors.length > 0) {
    throw new ConfigFileError(
      path,
      document.errors.map((error) => describeSyntaxError(error, lines)),
    );
  }
  const { contents } = document;
  if (contents === null || (isScalar(contents) && contents.value === null)) return {};
  if (!isMap(contents)) {
    throw new ConfigFileError(path, [
      { line: 1, message: "write fields, each as `name: value`, for example `expect: 3`" },
    ]);
  }
  const given = valuesOf(document, path);
  const parsed = ClusterConfigFile.safeParse(given);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.flatMap((issue) =>
    describeIssue(issue, given, (name) => lineOf(name, contents, lines)),
  );
  throw new ConfigFileError(path, inOrder(problems));
}

function valuesOf(document: Document, path: string): Readonly<Record<string, unknown>> {
  try {
    return document.toJS() as Record<string, unknown>;
  } catch {
    // The library's own message names the alias, and an alias may be what became of a key.
    throw new ConfigFileError(path, [
      { message: "a word that begins with * is an alias in YAML; put it in quotes" },
    ]);
  }
}

function isPortRange(text: string): boolean {
  const [first = 0, last = first] = text.split("/")[0]?.split("-").map(Number) ?? [];
  return first <= last && last <= 65_535;
}

function isJoinKey(text: string): boolean {
  const bytes = Buffer.from(text, "base64");
  return bytes.length === 32 && bytes.toString("base64") === text;
}

// Only errors that people make; the library's own message may quote the source, so it is never passed on.
const SYNTAX: Readonly<Record<string, string>> = {
  BAD_INDENT: "the indentation does not fit the line above",
  BLOCK_AS_IMPLICIT_KEY:
    "a field's value is expected where another field begins; is a quote or an indentation missing?",
  DUPLICATE_KEY: "the field is there twice",
  MISSING_CHAR: "a quote, bracket, comma or colon is missing",
  MULTILINE_IMPLICIT_KEY: "a field must be on one line, as `name: value`",
  TAB_AS_INDENT: "indent with spaces, not with tabs",
};

function describeSyntaxError(error: YAMLError, lines: LineCounter): ConfigProblem {
  const { line } = lines.linePos(error.pos[0]);
  return { line, message: SYNTAX[error.code] ?? "this is not YAML; write fields as `name: value`" };
}

function describeIssue(
  issue: z.core.$ZodIssue,
  given: Readonly<Record<string, unknown>>,
  lineOfField: (name: string) => { readonly line?: number },
): ConfigProblem[] {
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({ ...lineOfField(key), message: describeUnknown(key) }));
  }
  const name = String(issue.path[0]);
  const { write } = fieldMeta(name);
  return [
    { ...lineOfField(name), message: `${name} is ${describeValue(issue, given[name])}; write ${write}` },
  ];
}

function describeUnknown(key: string): string {
  const known = Object.keys(ClusterConfigFile.shape);
  // What does not look like a field's name may be a key that lost its field.
  if (!/^[A-Za-z][\w.-]{0,31}$/.test(key))
    return `there is no such field; the fields are ${known.join(", ")}`;
  const meant = nearest(key, known);
  return `there is no field ${key}; ${meant ? `did you mean ${meant}?` : `the fields are ${known.join(", ")}`}`;
}

function describeValue(issue: z.core.$ZodIssue, actual: unknown): string {
  const kind = kindOf(actual);
  if (issue.code === "invalid_type" && issue.path.length === 1) return kind;
  if (Array.isArray(actual)) return "a list with an entry that is not as it must be";
  return `${kind} that is not as it must be`;
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return "empty";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "number") return Number.isInteger(value) ? "a whole number" : "a number";
  if (typeof value === "boolean") return "true or false";
  return typeof value === "string" ? "a text" : "a group of fields";
}

function lineOf(name: string, contents: YAMLMap, lines: LineCounter): { readonly line?: number } {
  const pair = contents.items.find(({ key }) => isScalar(key) && String(key.value) === name);
  const start = pair && isScalar(pair.key) ? pair.key.range?.[0] : undefined;
  return start === undefined ? {} : { line: lines.linePos(start).line };
}

/** What the reference page and the errors say of a field. */
export function fieldMeta(name: string): { readonly description: string; readonly write: string } {
  const schema = (ClusterConfigFile.shape as Record<string, z.ZodType>)[name];
  const { description, write } = (schema?.meta() ?? {}) as {
    readonly description?: string;
    readonly write?: string;
  };
  return { description: description ?? "", write: write ?? "something else" };
}

/** From the top of the file; a field with two things wrong is listed once, since both messages say what to write. */
function inOrder(problems: readonly ConfigProblem[]): ConfigProblem[] {
  const unique = [...new Map(problems.map((problem) => [problem.message, problem])).values()];
  return unique.sort((left, right) => (left.line ?? 0) - (right.line ?? 0));
}
