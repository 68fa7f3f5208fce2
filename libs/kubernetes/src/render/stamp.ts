import { createHash } from "node:crypto";
import { parse, stringify } from "yaml";

/** Says which certificates a static pod was started with: the kubelet starts one anew when its manifest changes. */
export const CERTIFICATES_ANNOTATION = "cluster-os.dev/certificates";

/** A short name for what these texts are, for {@link withStamp}. */
export function stampOf(texts: readonly string[]): string {
  const hash = createHash("sha256");
  for (const text of texts) hash.update(`${text.length} `).update(text);
  return hash.digest("hex").slice(0, 16);
}

/** The manifest of a pod with an annotation that says what it was started with. */
export function withStamp(manifest: string, stamp: string): string {
  const pod = parse(manifest) as { readonly metadata?: { readonly annotations?: Record<string, string> } };
  const annotations = { ...pod.metadata?.annotations, [CERTIFICATES_ANNOTATION]: stamp };
  return stringify({ ...pod, metadata: { ...pod.metadata, annotations } }, { lineWidth: 0 });
}
