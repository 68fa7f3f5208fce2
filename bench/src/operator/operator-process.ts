import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NAMESPACE, OPERATOR_NAME } from "@cluster-os/api";
import { waitFor } from "@cluster-os/std/drivers";
import type { ApiServer } from "@cluster-os/tools/api-server";
import { bundle } from "@cluster-os/tools/bundle";
import { execa } from "execa";
import { parseUsage, type Usage } from "../daemons.ts";
import { Cgroup, type Limits } from "./cgroup.ts";
import { parseSamples, type Sample } from "./samples.ts";

const APPS = join(import.meta.dirname, "../../../apps");
/** Enters the groups that are named before "--", and becomes the program after it. */
const ENTER = 'while [ "$1" != -- ]; do echo $$ > "$1" || exit; shift; done; shift; exec "$@"';

/** What it has used and done, at one moment. */
export interface Look {
  readonly at: number;
  readonly usage: Usage;
  /** Memory that counts against its limit, in bytes. */
  readonly charged: number;
  readonly samples: readonly Sample[];
}

/** The operator as its image runs it: bundled, under the chart's limits, as its own service account. */
export class OperatorProcess implements AsyncDisposable {
  readonly #folder: string;
  readonly #cgroup: Cgroup;
  readonly #child: ReturnType<typeof spawn>;
  #port: number | undefined;
  /** Rejects when it ends by itself. */
  readonly failed: Promise<never>;

  private constructor(folder: string, cgroup: Cgroup, child: ReturnType<typeof spawn>) {
    this.#folder = folder;
    this.#cgroup = cgroup;
    this.#child = child;
    this.failed = child.then(({ exitCode, signal }) => {
      throw new Error(
        `the operator ended (${exitCode ?? signal}): the API server may be too slow for it here`,
      );
    });
    this.failed.catch(() => {});
  }

  /** Starts it; it is not ready yet. `begun` is when, in milliseconds of performance.now(). */
  static async start(
    api: ApiServer,
    limits: Limits,
  ): Promise<{ readonly operator: OperatorProcess; readonly begun: number }> {
    const folder = await mkdtemp(join(tmpdir(), "operator-bench-"));
    await bundle(APPS, [OPERATOR_NAME], folder);
    await writeFile(join(folder, "package.json"), '{ "type": "module" }');
    const kubeconfig = join(folder, "kubeconfig");
    await writeFile(kubeconfig, JSON.stringify(await kubeconfigOf(api)), { mode: 0o600 });
    const cgroup = await Cgroup.make("cluster-os-bench-operator", limits);
    const begun = performance.now();
    return { operator: new OperatorProcess(folder, cgroup, spawn(folder, kubeconfig, cgroup)), begun };
  }

  /** What it says of itself and what Linux says of it. */
  async look(): Promise<Look> {
    const pid = this.#child.pid ?? 0;
    const read = (name: string): Promise<string> => readFile(`/proc/${pid}/${name}`, "utf8");
    const port = (this.#port ??= await this.#listening());
    const samples = parseSamples(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text());
    const usage = parseUsage(await read("smaps_rollup"), await read("stat"));
    return { at: performance.now(), usage, charged: (await this.#cgroup.memory()).charged, samples };
  }

  /** Highest memory charged to it so far, in bytes, and periods of 100 ms in which it was held back. */
  async worst(): Promise<{ readonly peak: number; readonly throttled: number }> {
    const throttled = await this.#cgroup.throttledPeriods();
    return { peak: (await this.#cgroup.memory()).peak, throttled };
  }

  /** The end of its log. */
  async lastWords(): Promise<string> {
    return (await readFile(logOf(this.#folder), "utf8")).slice(-2000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGTERM");
    const late = setTimeout(() => this.#child.kill("SIGKILL"), 10_000);
    await this.#child;
    clearTimeout(late);
    await this.#cgroup[Symbol.asyncDispose]();
    await rm(this.#folder, { recursive: true });
  }

  /** The port is in its log. */
  async #listening(): Promise<number> {
    const find = async (): Promise<string | undefined> =>
      /"port":([0-9]+)/.exec(await readFile(logOf(this.#folder), "utf8"))?.[1];
    return Number(await waitFor(find, { what: "the operator's port", timeoutMs: 30_000 }));
  }
}

function spawn(folder: string, kubeconfig: string, cgroup: Cgroup) {
  const program = [process.execPath, join(folder, `${OPERATOR_NAME}.js`), "--kubeconfig", kubeconfig];
  const stderr = { file: logOf(folder) };
  return execa("sh", ["-c", ENTER, "sh", ...cgroup.doors, "--", ...program, "--port", "0"], {
    stdin: "ignore",
    stdout: "ignore",
    stderr,
    reject: false,
  });
}

function logOf(folder: string): string {
  return join(folder, "log");
}

async function kubeconfigOf(api: ApiServer): Promise<object> {
  const args = ["create", "token", OPERATOR_NAME, "--namespace", NAMESPACE, "--duration", "1h"];
  const { isDone, stdout, stderr } = await api.kubectl(args);
  if (!isDone) throw new Error(`no token for the operator: ${stderr}`);
  const name = "bench";
  const ca = Buffer.from(api.caPem).toString("base64");
  return {
    clusters: [{ name, cluster: { server: api.url, "certificate-authority-data": ca } }],
    users: [{ name, user: { token: stdout.trim() } }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    "current-context": name,
  };
}
