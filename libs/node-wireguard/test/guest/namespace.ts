import { spawnSync } from "node:child_process";
import { kernelHasWireGuard } from "../../src/index.ts";

const INSIDE = "--inside";

/**
 * Runs `act` in a network namespace of its own, which goes with this process: it is started anew in one. There are lo, and a
 * cable from eth0 to eth1, which the suite's endpoints are on. Without WireGuard in the kernel, that is said and it fails.
 */
export async function inNamespace(act: () => Promise<void>): Promise<void> {
  if (!process.argv.includes(INSIDE)) {
    const [script = "", ...options] = process.argv.slice(1);
    const program = [process.execPath, ...process.execArgv, script, ...options, INSIDE];
    const { status, error } = spawnSync("unshare", ["--net", ...program], { stdio: "inherit" });
    if (error) console.error(`unshare cannot be run: ${error.message}`);
    process.exitCode = status ?? 1;
  } else if (!(await kernelHasWireGuard())) {
    console.error("this kernel has no WireGuard, and no module of it to load");
    process.exitCode = 1;
  } else {
    ip("link", "add", "eth0", "type", "veth", "peer", "name", "eth1");
    await act();
  }
}

export function ip(...args: readonly string[]): void {
  const { status, stderr, error } = spawnSync("ip", args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`ip ${args.join(" ")} failed: ${error?.message ?? stderr}`);
}
