import { join } from "node:path";
import { execa } from "execa";

/** The lab of these scenarios, beside whatever else runs on this host; CLUSTER_OS_LAB names another. */
export const LAB = process.env["CLUSTER_OS_LAB"] ?? "e2e";

const root = join(import.meta.dirname, "../..");

export interface Ended {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `cluster-os` as a user does in the checkout, and waits for its end whatever it is. */
export async function clusterOs(
  args: readonly string[],
  options: { readonly input?: string } = {},
): Promise<Ended> {
  const { exitCode, stdout, stderr } = await execa("cluster-os", args, {
    cwd: root,
    env: { CLUSTER_OS_LAB: LAB },
    preferLocal: true,
    localDir: root,
    reject: false,
    stripFinalNewline: false,
    ...(options.input === undefined ? { stdin: "ignore" as const } : { input: options.input }),
  });
  return { exitCode: exitCode ?? -1, stdout, stderr };
}

/** The same for what has to succeed: gives what it wrote to standard output. */
export async function must(
  args: readonly string[],
  options: { readonly input?: string } = {},
): Promise<string> {
  const { exitCode, stdout, stderr } = await clusterOs(args, options);
  if (exitCode === 0) return stdout;
  throw new Error(`cluster-os ${args.join(" ")} ended with ${exitCode}:\n${stderr}${stdout}`);
}

/** kubectl through `cluster-os`, its answer as JSON. */
export async function kubectlJson<T>(...args: readonly string[]): Promise<T> {
  return JSON.parse(await must(["kubectl", ...args, "--output=json"])) as T;
}
