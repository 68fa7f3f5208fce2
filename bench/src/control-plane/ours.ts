import { join } from "node:path";
import { NAMESPACE, OPERATOR_NAME } from "@cluster-os/api";
import { Lab } from "@cluster-os/lab";
import { execa } from "execa";
import { parseSteps } from "../steps.ts";
import type { Subject } from "./losses.ts";
import { ServerApi } from "./server-api.ts";

/** By the balancer of each machine, as kubelets and administrators reach the API. */
const ENDPOINT = "https://kubernetes.cluster-os.internal:7443";
const ADMIN = "/etc/kubernetes/admin.conf";

/** Boots `nodes` machines that become a cluster by themselves; `upS`: seconds from their power to the last one's Ready. */
export async function oursUp(
  name: string,
  nodes: number,
  graceS: number,
): Promise<{ readonly subject: Subject; readonly upS: number }> {
  const root = join(import.meta.dirname, "../../..");
  const words = ["up", "--nodes", String(nodes), "--failed-server-grace", `${graceS}s`];
  const { stdout } = await execa("cluster-os", words, {
    cwd: root,
    env: { CLUSTER_OS_LAB: name },
    preferLocal: true,
    localDir: root,
    stdin: "ignore",
    stderr: "inherit",
  });
  const machines = await new Lab({ name }).machines();
  const subject: Subject = {
    name: "Cluster-OS",
    machines,
    // What makes a machine a server is on its disk: a machine that was replaced has set it aside.
    servers: async () => {
      const found = await Promise.all(
        machines.map(async (machine) => {
          const ended = await machine.exec(["test", "-e", ADMIN]).catch(() => undefined);
          return ended?.exitCode === 0 ? [new ServerApi(machine, ENDPOINT)] : [];
        }),
      );
      return found.flat();
    },
    heals: true,
    operator: { namespace: NAMESPACE, lease: OPERATOR_NAME },
  };
  return { subject, upS: formationS(stdout) };
}

/** From the first machine's start to the last one's Ready, as `up` printed them. */
export function formationS(printed: string): number {
  const steps = parseSteps(printed);
  const at = (pattern: RegExp): readonly number[] =>
    steps.filter(({ what }) => pattern.test(what)).map(({ seconds }) => seconds);
  return Math.max(...at(/^n-\S+ is Ready$/)) - Math.min(...at(/^started m\d+$/));
}
