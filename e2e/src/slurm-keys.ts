import { ROTATE_KEYS_ANNOTATION } from "@cluster-os/api";
import { expect } from "chai";
import { clusterOs } from "./cluster-os.ts";
import { MINUTE_MS, timed } from "./scenario.ts";
import { slurmCluster } from "./slurm.ts";

/** munge changes at one instant; with auth/slurm the old key is believed for two minutes more. */
const ROTATION_MS = { munge: 2 * MINUTE_MS, slurm: 5 * MINUTE_MS } as const;

/**
 * Asks for another key, and waits until it is the only one and all machines but one that is away (`away`, a node's name) sign with it.
 * Gives the key's generation.
 */
export async function exchange(
  value: string,
  { away, auth = "munge" }: { readonly away?: string; readonly auth?: "munge" | "slurm" } = {},
): Promise<number> {
  let before = 0;
  const annotation = `${ROTATE_KEYS_ANNOTATION}=${value}`;
  // A server whose power was just cut is still waited for by those that ask it.
  await timed("the API takes the wish", async () => {
    before = (await slurmCluster()).status?.keys?.current ?? expect.fail("no key");
    const { exitCode } = await clusterOs([
      ...["kubectl", "annotate", "--overwrite"],
      ...["slurmcluster", "default", annotation],
    ]);
    return exitCode === 0;
  });
  await timed("the next key", () => haveKey(before + 1, away), ROTATION_MS[auth]);
  return before + 1;
}

/** Whether a key is in use, and every machine but `away` signs with it. */
export async function haveKey(generation: number, away?: string): Promise<boolean> {
  const { current, nodes = [] } = (await slurmCluster()).status?.keys ?? {};
  const present = nodes.filter(({ node }) => node !== away);
  return current === generation && present.length > 0 && present.every((one) => one.current === generation);
}
