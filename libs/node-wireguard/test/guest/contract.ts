/**
 * The contract suite on the kernel's WireGuard, as one program: bundled by bundle.ts, it runs wherever there is Node, root and
 * iproute2, in a network namespace of its own.
 *
 *     node contract.js
 */
import { describeWireGuardDevice } from "@cluster-os/mesh/contract";
import { IpLink } from "@cluster-os/mesh/drivers";
import Mocha from "mocha";
import { KernelWireGuard } from "../../src/index.ts";
import { inNamespace, ip } from "./namespace.ts";

await inNamespace(async () => {
  // An emulated machine is slow: to remove a thousand peers takes its kernel 15 s.
  const mocha = new Mocha({ reporter: "spec", color: false, timeout: 120_000 });
  mocha.suite.emit("pre-require", globalThis, "", mocha);
  describeWireGuardDevice("the kernel's WireGuard", async () => {
    await new IpLink().addWireGuard("cos0");
    ip("link", "set", "cos0", "up");
    return { device: new KernelWireGuard(), name: "cos0" };
  });
  mocha.run((failureCount) => {
    process.exitCode = failureCount === 0 ? 0 : 1;
  });
});
