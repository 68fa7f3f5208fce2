import type { Clock, Logger, Rng } from "@cluster-os/std";
import { KubernetesError } from "../errors.ts";
import { PATHS } from "../settings.ts";
import type { Balancer } from "./balancer.ts";
import type { Host } from "./host.ts";

/** What every act of the kubeadm driver works with. */
export interface Context {
  readonly host: Host;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
  /** The interface that leads to other nodes: what leaves there keeps its own address. */
  readonly meshInterface: string;
  readonly balancer: Balancer;
  /** How long certificates live that are made for servers, in milliseconds. */
  readonly certificateLifeMs: number;
  /** Container runtime and images; once they are there, asking again costs nothing. */
  readonly prepare: (signal: AbortSignal) => Promise<void>;
}

/** Runs a program that has to succeed, and returns what it printed. */
export async function execute(
  { host }: Pick<Context, "host">,
  file: string,
  args: readonly string[],
  signal: AbortSignal,
  timeoutMs = 30_000,
): Promise<string> {
  const result = await host.run({ file, args, timeoutMs }, signal);
  if (result.exitCode === 0) return result.stdout;
  const how =
    result.exitCode === undefined
      ? `did not end within ${timeoutMs / 1000} s`
      : `failed (${result.exitCode})`;
  throw new KubernetesError(`"${file} ${args.join(" ")}" ${how}: ${lastError(result.stderr)}`);
}

/** Runs a program whose failure is fine: there was nothing to do. */
export async function attempt(
  { host }: Context,
  file: string,
  args: readonly string[],
  signal: AbortSignal,
  timeoutMs = 30_000,
): Promise<boolean> {
  return (await host.run({ file, args, timeoutMs }, signal)).exitCode === 0;
}

export async function systemctl(
  context: Pick<Context, "host">,
  verb: string,
  unit: string,
  signal: AbortSignal,
  timeoutMs = 30_000,
): Promise<void> {
  try {
    await execute(context, "systemctl", [verb, unit], signal, timeoutMs);
  } catch (cause) {
    throw new KubernetesError(`systemd could not ${verb} ${unit}; "journalctl -u ${unit}" says why`, {
      cause,
    });
  }
}

/** Runs works side by side. When one fails the others are told to stop, and its error is the one that is thrown. */
export async function together(
  signal: AbortSignal,
  ...works: readonly ((signal: AbortSignal) => Promise<void>)[]
): Promise<void> {
  const failure = new AbortController();
  const both = AbortSignal.any([signal, failure.signal]);
  await Promise.all(
    works.map((work) =>
      work(both).catch((error: unknown) => {
        failure.abort(error);
      }),
    ),
  );
  failure.signal.throwIfAborted();
}

/** Runs kubeadm for an act; what it says goes to the act's log, which an error names. */
export async function kubeadm(
  { host, clock, logger }: Context,
  act: string,
  args: readonly string[],
  signal: AbortSignal,
  timeoutMs = 180_000,
): Promise<void> {
  const logPath = `${PATHS.logs}/kubeadm-${act}.log`;
  const begun = clock.now();
  const { exitCode } = await host.run(
    { file: "kubeadm", args: [...args, "--v=1"], timeoutMs, logPath },
    signal,
  );
  logger.debug("kubeadm ended", { act, exitCode, ms: Math.round(clock.now() - begun) });
  if (exitCode === 0) return;
  const how = exitCode === undefined ? `was stopped after ${timeoutMs / 1000} s` : `failed (${exitCode})`;
  const said = lastError((await host.readFile(logPath)) ?? "");
  throw new KubernetesError(`kubeadm ${how} at ${act}: ${said} (all of it: ${logPath})`);
}

/** The last error, or the last line that says something: kubeadm follows an error with advice for people at a terminal. */
function lastError(text: string): string {
  const lines = text.split("\n").map((line) => line.trim());
  const at = lines.findLastIndex((line) => /^error(:| execution)/.test(line));
  const last = at < 0 ? lines.findLast((line) => line !== "") : lines[at];
  if (last?.endsWith("preflight checks failed") !== true) return last ?? "it said nothing";
  // What the checks before the act found is told before it, line by line, below a heading.
  const heading = lines.findLastIndex(
    (line, index) => index < at && line.startsWith("[preflight] Some fatal"),
  );
  const found = lines.slice(heading + 1, at).filter((line) => line.startsWith("[ERROR"));
  return found.length === 0 ? last : found.join("; ");
}
