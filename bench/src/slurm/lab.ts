import type { ClusterNodeObject, SlurmClusterObject } from "@cluster-os/api";
import type { Lab, Machine } from "@cluster-os/lab";

/** SLURM on machines of a lab, as a user and as an administrator see it. */
export class SlurmLab {
  readonly #lab: Lab;

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  /** A machine with this role, and the node that it is. */
  async machineOfRole(
    role: "server" | "worker",
  ): Promise<{ readonly node: string; readonly machine: Machine }> {
    const { items } = await this.#kubectlJson<{ readonly items: readonly ClusterNodeObject[] }>(
      "get",
      "clusternodes",
    );
    const node = items.find(({ status }) => status?.roles?.[0] === role)?.metadata.name;
    for (const machine of await this.#lab.machines())
      if ((await machine.run(["hostname"])).trim() === node) return { node, machine };
    throw new Error(`no machine of the lab is a ${role}`);
  }

  async machineBeside(other: Machine): Promise<Machine> {
    const found = (await this.#lab.machines()).find(({ number }) => number !== other.number);
    if (found === undefined) throw new Error("the lab has one machine only");
    return found;
  }

  cluster(): Promise<SlurmClusterObject> {
    return this.#kubectlJson<SlurmClusterObject>("get", "slurmcluster", "default");
  }

  async prefer(node: string): Promise<void> {
    const patch = JSON.stringify({ spec: { controller: { preference: [node] } } });
    await this.#kubectl("patch", "slurmcluster", "default", "--type=merge", `--patch=${patch}`);
  }

  /** When the running slurmctld was started, in milliseconds since the kernel began, of which machines of the lab have one. */
  async slurmctldStartedAtMs(): Promise<number> {
    for (const machine of await this.#lab.machines()) {
      // Without power it answers nothing; and slurmctld has children that bear its name.
      const found = await machine.exec(["pgrep", "--oldest", "--exact", "slurmctld"]).catch(() => undefined);
      if (found?.exitCode !== 0) continue;
      const stat = await machine.run(["cat", `/proc/${found.stdout.trim()}/stat`]);
      // Field 22 of proc_pid_stat(5), in ticks of 10 ms; the name, field 2, may have spaces.
      return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]) * 10;
    }
    throw new Error("slurmctld runs nowhere");
  }

  async #kubectlJson<T>(...args: readonly string[]): Promise<T> {
    return JSON.parse(await this.#kubectl(...args, "--output=json")) as T;
  }

  /** On the first machine that answers: a machine without power does not, nor does a worker. */
  async #kubectl(...args: readonly string[]): Promise<string> {
    let problem: unknown = new Error("the lab has no machine");
    for (const machine of await this.#lab.machines()) {
      try {
        return await machine.run(["kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", ...args]);
      } catch (error) {
        problem = error;
      }
    }
    throw problem;
  }
}
