import { mkdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { readFileIfExists, writeFileIfChanged } from "@cluster-os/std/drivers";
import { actUnit } from "./slurm-units.ts";

/** Where the kubelet's unit has it look for additions to its configuration; emptied when Kubernetes leaves the machine. */
const FOLDER = "/var/lib/cluster-os/kubelet.conf.d";
/** k3s' own. Its kubelet is a part of k3s, of which a server's API is another: that is not restarted, and reads this when it next starts. */
const FOLDER_OF_K3S = "/var/lib/rancher/k3s/agent/etc/kubelet.conf.d";

const ADDITION = "50-slurm-jobs.conf";
/** The addition that the kubelet was started with, written after that: whatever is cut off in between, is done again. */
const STARTED_WITH = "50-slurm-jobs.started-with";

export interface Kubelet {
  readonly folder: string;
  /** If it runs. Its pods run on meanwhile. */
  readonly restart: (signal: AbortSignal) => Promise<void>;
}

/** This machine's. With k3s there is none that could be restarted. */
export async function localKubelet(): Promise<Kubelet> {
  const isK3s = await stat(FOLDER_OF_K3S).then(
    () => true,
    () => false,
  );
  return {
    folder: isK3s ? FOLDER_OF_K3S : FOLDER,
    restart: (signal) => actUnit("try-restart", "kubelet.service", signal),
  };
}

/** What the kubelet was told. Undefined where it was told nothing; empty where it has yet to be started anew. */
export async function observeReservation({ folder }: Kubelet): Promise<string | undefined> {
  const [addition, startedWith] = await Promise.all(
    [ADDITION, STARTED_WITH].map((name) => readFileIfExists(join(folder, name))),
  );
  const text = addition?.toString("utf8");
  return text === startedWith?.toString("utf8") ? text : "";
}

/** Tells the kubelet `text`, a part of a KubeletConfiguration. */
export async function reserve(
  { folder, restart }: Kubelet,
  text: string,
  signal: AbortSignal,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFileIfChanged(join(folder, ADDITION), text, { mode: 0o644 });
  await restart(signal);
  await writeFileIfChanged(join(folder, STARTED_WITH), text, { mode: 0o644 });
}

export async function release({ folder, restart }: Kubelet, signal: AbortSignal): Promise<void> {
  await rm(join(folder, ADDITION), { force: true });
  await restart(signal);
  await rm(join(folder, STARTED_WITH), { force: true });
}
