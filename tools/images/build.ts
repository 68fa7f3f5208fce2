/**
 * Builds the container images that every machine brings along, as tarballs for `ctr images import`:
 *
 *     node tools/images/build.ts --hyperkube PATH --root DEBIAN_TREE --coredns PATH --out DIR
 *
 * Same inputs, same bytes. Needs gcc (pause), Go (probe) and GNU tar.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { execa } from "execa";
import { assertDebianTree, iptablesEntries } from "./debian-tree.ts";
import { corednsImage, kubeImage, kubeReferences, pauseImage, probeImage, REGISTRY } from "./images.ts";
import { kubernetesVersion } from "./kubernetes-version.ts";
import { writeImage } from "./oci.ts";

// Folders that only exist to hold files get their mode from the umask, and with it the same bytes everywhere.
process.umask(0o022);

const { values } = parseArgs({
  options: {
    hyperkube: { type: "string" },
    root: { type: "string" },
    coredns: { type: "string" },
    out: { type: "string" },
  },
});
const { hyperkube, root, coredns, out } = values;
if (hyperkube === undefined || root === undefined || coredns === undefined || out === undefined) {
  console.error(
    "usage: node tools/images/build.ts --hyperkube PATH --root DEBIAN_TREE --coredns PATH --out DIR",
  );
  process.exit(2);
}

const work = await mkdtemp(join(tmpdir(), "cluster-os-images-"));
try {
  const tree = resolve(root);
  await assertDebianTree(tree);
  const images = [
    kubeImage(resolve(hyperkube), await referencesOf(resolve(hyperkube)), await iptablesEntries(tree)),
    pauseImage(await buildPause(join(work, "pause"))),
    corednsImage(resolve(coredns)),
    probeImage(await buildProbe(join(work, "probe"))),
  ];
  for (const image of images) console.log(await writeImage(image, resolve(out)));
} finally {
  await rm(work, { recursive: true, force: true });
}

/** The names that this version of Kubernetes gives its images. */
async function referencesOf(program: string): Promise<readonly string[]> {
  const version = await kubernetesVersion(program);
  const options = [`--image-repository=${REGISTRY}`, `--kubernetes-version=${version}`];
  const { stdout } = await execa(program, ["kubeadm", "config", "images", "list", ...options]);
  return kubeReferences(stdout);
}

async function buildPause(path: string): Promise<string> {
  const source = join(import.meta.dirname, "pause/pause.c");
  await execa("gcc", [
    "-Os",
    "-s",
    "-static",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wl,--build-id=none",
    "-o",
    path,
    source,
  ]);
  return path;
}

async function buildProbe(path: string): Promise<string> {
  await execa(
    "go",
    ["build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", path, "."],
    {
      cwd: join(import.meta.dirname, "probe"),
      env: { CGO_ENABLED: "0", GOOS: "linux", GOARCH: "amd64" },
    },
  );
  return path;
}
