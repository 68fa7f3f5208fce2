import { createHash } from "node:crypto";
import { REVOKED_LABEL } from "@cluster-os/api";
import type { ConfigMap } from "@cluster-os/kube";
import { compareText } from "@cluster-os/std";

/** Of the names of all revoked nodes; empty where none is. */
export function revocationsDigest(revocations: readonly ConfigMap[]): string {
  const names = revocations
    .flatMap(({ metadata }) => metadata.labels?.[REVOKED_LABEL] ?? [])
    .toSorted(compareText);
  return names.length === 0 ? "" : createHash("sha256").update(names.join("\n")).digest("hex").slice(0, 32);
}
