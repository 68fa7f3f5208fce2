import { readFile } from "node:fs/promises";
import { baseObjects, MANAGED_BY, NAMESPACE } from "@cluster-os/api";
import { RESOURCES, type ConfigMap, type KubeClient, type KubeObject } from "@cluster-os/kube";
import { patientPods } from "@cluster-os/kubernetes";
import type { Installation } from "./installation-plan.ts";
import { applyObject } from "./kube.ts";

/** What the package brings: the rendered Helm chart, in the order in which to apply its objects. */
export interface Manifests extends Installation {
  readonly objects: readonly KubeObject[];
}

/** Says what is installed. Written last, so that an installation that was cut off is made again. */
const RECORD = { name: "cluster-os-installed", namespace: NAMESPACE };

export async function readManifests(path: string): Promise<Manifests> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as Manifests;
  } catch (cause) {
    throw new Error(`cannot read what is to run in the cluster from ${path}; is the package whole?`, {
      cause,
    });
  }
}

export async function readInstalled(kube: KubeClient): Promise<Installation | undefined> {
  const { version, digest } = (await kube.find(RESOURCES.configMap, RECORD))?.data ?? {};
  return version === undefined || digest === undefined ? undefined : { version, digest };
}

/** Applies everything, and then says so. May be cut off and repeated at any point. Slow machines' pods get time. */
export async function install(kube: KubeClient, manifests: Manifests, patience = 1): Promise<void> {
  const { version, digest, objects } = manifests;
  for (const object of [...baseObjects(), ...patientPods(objects, patience)]) await applyObject(kube, object);
  const record: ConfigMap = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { ...RECORD, labels: MANAGED_BY },
    data: { version, digest },
  };
  await applyObject(kube, record);
}
