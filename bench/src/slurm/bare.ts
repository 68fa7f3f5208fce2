import type { Machine } from "@cluster-os/lab";

/** slurmctld without anything of Cluster-OS around it, as a unit of systemd. */
const BARE_UNIT = "bench-slurmctld.service";
export const AGENT_UNIT = "cluster-os-node-agent.service";
export const KEPT_UNIT = "cluster-os-slurmctld.service";

/** node-agent takes a machine without it for one that has no SLURM, leaves all of it alone, and does everything else. */
const FENCER = "/usr/lib/cluster-os/bin/fencer";

/** It takes itself for the host of its configuration, which every machine knows by that name. */
const AS_SLURMCTL = [
  "hostname slurmctl",
  "exec setpriv --reuid=slurm --regid=slurm --clear-groups /usr/sbin/slurmctld -D -f /var/lib/slurm/controller/slurm.conf",
].join(" && ");

/** slurmctld as its unit has it, on the same machine, of the same state; nobody keeps a copy, and nobody has to vouch. */
export async function goBare(machines: readonly Machine[], controller: Machine): Promise<void> {
  for (const machine of machines) {
    await machine.run(["mv", FENCER, `${FENCER}.away`]);
    await machine.run(["systemctl", "restart", AGENT_UNIT]);
  }
  await controller.run(["systemctl", "stop", KEPT_UNIT]);
  const properties = ["Nice=-10", "LimitNOFILE=65536", "LimitMEMLOCK=infinity", "TasksMax=infinity"];
  await controller.run([
    "systemd-run",
    `--unit=${BARE_UNIT}`,
    ...properties.map((property) => `--property=${property}`),
    "--property=EnvironmentFile=-/var/lib/cluster-os/slurmctld.env",
    ...["--", "unshare", "--uts", "sh", "-c", AS_SLURMCTL],
  ]);
}
