import { z } from "zod";
import type { PlainObject } from "./kubernetes-object.ts";
import { JOIN_KEY_LABEL, joinKeyName, MANAGED_BY, NAMESPACE } from "./names.ts";

/** A join key of the cluster, as the API holds it. */
export interface StoredJoinKey {
  readonly sequence: number;
  /** 32 bytes. */
  readonly key: Uint8Array;
  /** IDs of those before it. */
  readonly retired: readonly string[];
  /** Unix milliseconds. */
  readonly createdAt: number;
}

const Data = z.object({
  key: z.base64(),
  retired: z.string().regex(/^([0-9a-f]{16}(,[0-9a-f]{16})*)?$/),
  createdAt: z.iso.datetime(),
});

/** A Secret, so that it is encrypted at rest; of each number there is one, and it stays what it is. */
export function joinKeyObject({ sequence, key, retired, createdAt }: StoredJoinKey): PlainObject {
  const text = {
    key: Buffer.from(key).toString("base64"),
    retired: retired.join(","),
    createdAt: new Date(createdAt).toISOString(),
  };
  const data = Object.entries(text).map(([name, value]) => [name, Buffer.from(value).toString("base64")]);
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: {
      name: joinKeyName(sequence),
      namespace: NAMESPACE,
      labels: { ...MANAGED_BY, [JOIN_KEY_LABEL]: String(sequence) },
    },
    data: Object.fromEntries(data) as Record<string, string>,
    immutable: true,
  };
}

/** Undefined for one that somebody made by hand, and wrongly. */
export function readJoinKeyObject(object: {
  readonly metadata: { readonly labels?: Readonly<Record<string, string>> | undefined };
  readonly data?: Readonly<Record<string, string>> | undefined;
}): StoredJoinKey | undefined {
  const entries = Object.entries(object.data ?? {});
  const text = entries.map(([name, value]) => [name, Buffer.from(value, "base64").toString("utf8")]);
  const data = Data.safeParse(Object.fromEntries(text)).data;
  const sequence = Number(object.metadata.labels?.[JOIN_KEY_LABEL]);
  if (!data || !Number.isSafeInteger(sequence) || sequence < 1) return undefined;
  const key = new Uint8Array(Buffer.from(data.key, "base64"));
  if (key.length !== 32) return undefined;
  const retired = data.retired.split(",").filter((id) => id !== "");
  return { sequence, key, retired, createdAt: Date.parse(data.createdAt) };
}
