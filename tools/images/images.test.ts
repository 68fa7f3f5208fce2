import { createHash } from "node:crypto";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { execa } from "execa";
import type { ImageDescription } from "./image.ts";
import { corednsImage, kubeImage, kubeReferences, pauseImage, probeImage } from "./images.ts";
import { writeImage } from "./oci.ts";

interface Index {
  readonly manifests: readonly {
    readonly digest: string;
    readonly annotations: Readonly<Record<string, string>>;
  }[];
}

describe("an image's tarball", () => {
  let folder = "";
  let image: ImageDescription;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "cluster-os-images-"));
    const source = join(folder, "program");
    await writeFile(source, "#!/bin/sh\n");
    await chmod(source, 0o600);
    image = {
      name: "sample",
      references: ["registry.local/one:1", "registry.local/two:2"],
      entries: [
        { kind: "file", destination: "usr/bin/program", source, mode: 0o755 },
        { kind: "link", destination: "usr/bin/other", target: "program" },
        { kind: "folder", destination: "tmp", mode: 0o1777 },
      ],
      entrypoint: ["/usr/bin/program"],
    };
  });
  afterEach(() => rm(folder, { recursive: true }));

  const read = async (tarball: string, member: string): Promise<Uint8Array> =>
    (await execa("tar", ["-xOf", tarball, member], { encoding: "buffer" })).stdout;
  const readJson = async (tarball: string, member: string): Promise<unknown> =>
    JSON.parse(Buffer.from(await read(tarball, member)).toString("utf8"));
  const blob = (digest: string): string => `blobs/sha256/${digest.slice("sha256:".length)}`;

  it("names every reference, all to one manifest whose digests hold", async () => {
    const path = await writeImage(image, join(folder, "out"));
    const { manifests } = (await readJson(path, "index.json")) as Index;
    expect(manifests.map(({ annotations }) => annotations["io.containerd.image.name"])).to.deep.equal(
      image.references,
    );
    const [digest, other] = manifests.map((manifest) => manifest.digest);
    expect(other).to.equal(digest);
    const manifest = (await readJson(path, blob(digest as string))) as {
      readonly config: { readonly digest: string };
      readonly layers: readonly [{ readonly digest: string; readonly size: number }];
    };
    const layer = await read(path, blob(manifest.layers[0].digest));
    expect(`sha256:${createHash("sha256").update(layer).digest("hex")}`).to.equal(manifest.layers[0].digest);
    expect(layer.length).to.equal(manifest.layers[0].size);
    const config = (await readJson(path, blob(manifest.config.digest))) as Record<
      string,
      Record<string, unknown>
    >;
    expect(config["rootfs"]?.["diff_ids"]).to.deep.equal([manifest.layers[0].digest]);
    expect(config["config"]?.["Entrypoint"]).to.deep.equal(["/usr/bin/program"]);
  });

  it("holds files of root with the wished modes", async () => {
    const path = await writeImage(image, join(folder, "out"));
    const { manifests } = (await readJson(path, "index.json")) as Index;
    const manifest = (await readJson(path, blob(manifests[0]?.digest as string))) as {
      readonly layers: readonly [{ readonly digest: string }];
    };
    const layer = await read(path, blob(manifest.layers[0].digest));
    const { stdout } = await execa("tar", ["--numeric-owner", "-tvf", "-"], { input: layer });
    const lines = stdout.split("\n").map((line) => line.replace(/\s+/g, " "));
    const has = (start: string, end: string): boolean =>
      lines.some((line) => line.startsWith(start) && line.endsWith(end));
    expect(has("-rwxr-xr-x 0/0", "./usr/bin/program"), stdout).to.equal(true);
    expect(has("lrwxrwxrwx 0/0", "./usr/bin/other -> program"), stdout).to.equal(true);
    expect(has("drwxrwxrwt 0/0", "./tmp/"), stdout).to.equal(true);
  });

  it("has the same bytes each time, with its index ahead of everything large", async () => {
    const [first, second] = [
      await writeImage(image, join(folder, "a")),
      await writeImage(image, join(folder, "b")),
    ];
    expect(Buffer.compare(await readFile(first), await readFile(second))).to.equal(0);
    const { stdout } = await execa("tar", ["-tf", first]);
    expect(stdout.split("\n").slice(0, 2)).to.deep.equal(["oci-layout", "index.json"]);
  });
});

/** As `kubeadm config images list --image-repository=registry.local` prints it. */
const LISTED = `registry.local/kube-apiserver:v1.34.4
registry.local/kube-controller-manager:v1.34.4
registry.local/kube-scheduler:v1.34.4
registry.local/kube-proxy:v1.34.4
registry.local/coredns:v1.12.1
registry.local/pause:3.10.1
registry.local/etcd:3.6.5-0
`;

describe("the package's images", () => {
  const images = [
    kubeImage("hyperkube", kubeReferences(LISTED), []),
    pauseImage("pause"),
    corednsImage("coredns"),
    probeImage("probe"),
  ];

  it("are the versions that libs/kubernetes asks for", async () => {
    const settings = await readFile(
      join(import.meta.dirname, "../../libs/kubernetes/src/settings.ts"),
      "utf8",
    );
    const [, pause, coredns] = images.map(({ references }) => references[0] as string);
    for (const reference of [pause, coredns])
      expect(settings).to.include((reference as string).replace("registry.local", ""));
  });

  it("are called what kubeadm calls them, but for those that are not its own", () => {
    expect(images[0]?.references).to.deep.equal([
      "registry.local/kube-apiserver:v1.34.4",
      "registry.local/kube-controller-manager:v1.34.4",
      "registry.local/kube-scheduler:v1.34.4",
      "registry.local/kube-proxy:v1.34.4",
      "registry.local/etcd:3.6.5-0",
    ]);
    const without = LISTED.replace("registry.local/etcd:3.6.5-0", "");
    expect(() => kubeReferences(without)).to.throw("kubeadm lists no image of etcd");
  });

  it("bring every program that a manifest of kubeadm starts", () => {
    const links = images[0]?.entries.flatMap((entry) => (entry.kind === "link" ? [entry.destination] : []));
    for (const name of [
      "kube-apiserver",
      "kube-controller-manager",
      "kube-scheduler",
      "kube-proxy",
      "etcd",
    ]) {
      expect(links).to.include(`usr/local/bin/${name}`);
    }
  });
});
