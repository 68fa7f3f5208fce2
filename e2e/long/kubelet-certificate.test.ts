import { Lab, type Machine } from "@cluster-os/lab";
import { expect } from "chai";
import { kubectlJson, LAB, must } from "../src/cluster-os.ts";
import { findParts, type Parts } from "../src/machines.ts";
import { clusterNodes, isReady } from "../src/nodes.ts";
import { MINUTE_MS, timed } from "../src/scenario.ts";

const FOLDER = "/var/lib/kubelet/pki";
const CERTIFICATE = `${FOLDER}/kubelet-client-current.pem`;
const BOOTSTRAP = "/etc/kubernetes/bootstrap-kubelet.conf";

interface KubeNode {
  readonly metadata: { readonly name: string };
  readonly status: {
    readonly conditions: readonly { readonly type: string; readonly lastHeartbeatTime: string }[];
  };
}

/** As a machine is that was off for longer than the last third of its kubelet's certificate's life. */
describe("a machine that was off until its kubelet's certificate had ended", function () {
  this.timeout(10 * MINUTE_MS);

  const lab = new Lab({ name: LAB });
  let parts: Parts;

  before("four machines boot", async function () {
    this.timeout(15 * MINUTE_MS);
    await must(["down"]);
    await must(["up", "--nodes", "4", "--timeout", "780"]);
    parts = await findParts(lab);
  });

  after(async function () {
    this.timeout(2 * MINUTE_MS);
    if (process.env["CLUSTER_OS_KEEP_LAB"] === undefined) await must(["down"]);
  });

  for (const [what, machineOf] of [
    ["a worker", ({ worker }: Parts) => worker],
    ["a control-plane server", ({ servers }: Parts) => servers[0]],
  ] as const) {
    it(`${what} is known again by itself, and is what it was`, async () => {
      const machine = machineOf(parts) ?? expect.fail("there is none");
      const name = (await machine.run(["hostname"])).trim();
      await endCertificate(machine, name);
      expect((await machine.exec(checkEnd())).exitCode, "it has ended").to.equal(1);
      await machine.kill();
      const onAt = Date.now();
      await machine.start();
      await timed(
        "another certificate",
        async () => (await isThere(machine)) && (await isGood(machine)),
        5 * MINUTE_MS,
      );
      await timed("its kubelet tells that it lives", async () => (await heardOf(name)) >= onAt);
      await timed("all Ready", async () => (await clusterNodes()).every(isReady));
      await timed("what it asked with is gone", async () => !(await has(machine, BOOTSTRAP)));
    });
  }
});

/** Puts one in the place of the kubelet's that looks like it and has ended. */
async function endCertificate(machine: Machine, name: string): Promise<void> {
  await machine.run(["systemctl", "stop", "kubelet"]);
  const file = (await machine.run(["readlink", "-f", CERTIFICATE])).trim();
  const made = [`${FOLDER}/ended.key`, `${FOLDER}/ended.crt`] as const;
  await machine.run([
    ...["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
    ...["-keyout", made[0], "-out", made[1], "-subj", `/O=system:nodes/CN=system:node:${name}`],
    ...["-not_before", "20250101000000Z", "-not_after", "20250201000000Z"],
  ]);
  const content = await machine.run(["cat", made[1], made[0]]);
  await machine.run(["dd", "status=none", `of=${file}`], { stdin: Buffer.from(content) });
  await machine.run(["sync", file]);
}

function checkEnd(): readonly string[] {
  return ["openssl", "x509", "-noout", "-checkend", "0", "-in", CERTIFICATE];
}

async function isThere(machine: Machine): Promise<boolean> {
  return (await machine.status()).isRunning;
}

async function isGood(machine: Machine): Promise<boolean> {
  return (await machine.exec(checkEnd())).exitCode === 0;
}

async function has(machine: Machine, path: string): Promise<boolean> {
  return (await machine.exec(["test", "-e", path])).exitCode === 0;
}

/** When its kubelet last said anything, in milliseconds since 1970. */
async function heardOf(name: string): Promise<number> {
  const { items } = await kubectlJson<{ readonly items: readonly KubeNode[] }>("get", "nodes");
  const ready = items
    .find(({ metadata }) => metadata.name === name)
    ?.status.conditions.find(({ type }) => type === "Ready");
  return ready === undefined ? 0 : Date.parse(ready.lastHeartbeatTime);
}
