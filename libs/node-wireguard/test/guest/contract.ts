/**
 * The contract suite on the kernel's WireGuard, as one program: bundled by bundle.ts, it runs wherever there is Node, root and
 * iproute2. It works in a network namespace of its own and leaves nothing behind.
 *
 *     node contract.js
 */
import { spawnSync } from "node:child_process";
import { describeWireGuardDevice } from "@cluster-os/mesh/contract";
import { IpLink } from "@cluster-os/mesh/drivers";
import Mocha from "mocha";
import { kernelHasWireGuard, KernelWireGuard } from "../../src/index.ts";

const INSIDE = "--inside";

if (process.argv.includes(INSIDE)) await run();
else {
  const inNamespace = ["--net", process.execPath, ...process.execArgv];
  const script = process.argv[1] ?? "";
  const { status, error } = spawnSync("unshare", [...inNamespace, script, INSIDE], { stdio: "inherit" });
  if (error) console.error(`unshare cannot be run: ${error.message}`);
  process.exitCode = status ?? 1;
}

async function run(): Promise<void> {
  if (!(await kernelHasWireGuard())) {
    console.error("this kernel has no WireGuard, and no module of it to load");
    process.exitCode = 1;
    return;
  }
  // The suite's endpoints are on an interface of this name.
  program("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth1");
  const mocha = new Mocha({ reporter: "spec", color: false, timeout: 60_000 });
  mocha.suite.emit("pre-require", globalThis, "", mocha);
  describeWireGuardDevice("the kernel's WireGuard", async () => {
    await new IpLink().addWireGuard("cos0");
    program("ip", "link", "set", "cos0", "up");
    return { device: new KernelWireGuard(), name: "cos0" };
  });
  mocha.run((failureCount) => {
    process.exitCode = failureCount === 0 ? 0 : 1;
  });
}

function program(name: string, ...args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(name, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${name} ${args.join(" ")} failed: ${error?.message ?? stderr}`);
}
