import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { execa } from "execa";
import { parse } from "yaml";
import { REPOSITORY } from "../deb/args.ts";
import { NODE_CONTEXT, readNodeImage, type ListedFile, type NodeImageConfig } from "./node.ts";

const COMPOSE = join(NODE_CONTEXT, "compose.yaml");

describe("the image of a node", function () {
  // Packages, tree and image are kept by content: only the first time takes minutes.
  this.timeout(1_200_000);
  let folder: string;
  let config: NodeImageConfig;
  let files: readonly ListedFile[];
  let layer: string;

  before(async function () {
    const { exitCode } = await execa("buildah", ["--version"], { reject: false });
    if (exitCode !== 0 || process.getuid?.() !== 0) {
      console.log("      skipped: it takes root and buildah; tools/deps/install.sh installs it");
      return this.skip();
    }
    folder = await mkdtemp(join(tmpdir(), "node-image-"));
    await execa(process.execPath, [join(REPOSITORY, "tools/deb/build.ts")]);
    const file = join(folder, "node.tar");
    await execa(process.execPath, [join(REPOSITORY, "tools/images/build-node.ts"), "--out", file]);
    ({ config, files, layer } = await readNodeImage(file, folder));
  });
  after(() => folder && rm(folder, { recursive: true }));

  const paths = (): readonly string[] => files.map(({ path }) => path);
  const find = (path: string): ListedFile | undefined => files.find((one) => one.path === path);
  const below = (place: string): readonly string[] => paths().filter((path) => path.startsWith(`${place}/`));
  const read = async (path: string): Promise<string> =>
    (await execa("tar", ["-xOf", layer, path], { stripFinalNewline: false })).stdout;

  it("starts systemd, and is stopped as systemd expects it", () => {
    expect(config.Entrypoint).to.deep.equal(["/usr/lib/systemd/systemd"]);
    expect(paths()).to.include("usr/lib/systemd/systemd");
    expect(config.StopSignal).to.equal("SIGRTMIN+3");
    expect(config.Env).to.include("container=oci");
  });

  it("starts bootstrap, balancer and images at boot, and no kubelet", () => {
    const wanted = below("etc/systemd/system/multi-user.target.wants").map((path) => path.split("/").at(-1));
    expect(wanted).to.include.members([
      "cluster-os-bootstrap.service",
      "cluster-os-balancer.service",
      "cluster-os-images.service",
    ]);
    expect(wanted).to.not.include("kubelet.service");
  });

  it("holds the packages' programs", () => {
    expect(paths()).to.include.members([
      "usr/bin/cluster-os",
      "usr/bin/kubeadm",
      "usr/lib/cluster-os/bootstrap.js",
      "usr/lib/cluster-os/bin/node",
    ]);
  });

  it("holds no identity: each container makes its own", () => {
    expect(below("var/lib/cluster-os")).to.deep.equal([]);
    expect(below("etc/cluster-os")).to.deep.equal([]);
    expect(below("etc/kubernetes").filter((path) => !path.endsWith("/manifests"))).to.deep.equal([]);
    expect(find("etc/machine-id")?.bytes ?? 0).to.equal(0);
    expect(paths()).to.not.include("var/lib/dbus/machine-id");
    expect(paths().filter((path) => /ssh_host_.*key/.test(path))).to.deep.equal([]);
    expect(paths().filter((path) => /\.(key|kubeconfig)$|id_(rsa|ed25519)$/.test(path))).to.deep.equal([]);
    expect(paths()).to.not.include("var/lib/systemd/random-seed");
  });

  it("leaves no package behind, and no mirror's address", () => {
    expect(paths().filter((path) => path.endsWith(".deb"))).to.deep.equal([]);
    expect(below("etc/apt/sources.list.d")).to.deep.equal([]);
  });

  it("may not set the host's clock", async () => {
    expect(await read("etc/systemd/system.conf.d/container.conf")).to.include(
      "CapabilityBoundingSet=~CAP_SYS_TIME",
    );
  });

  it("has its state in volumes", () => {
    const volumes = ["cluster-os", "containerd", "etcd", "kubelet"].map((name) => `/var/lib/${name}`);
    expect(Object.keys(config.Volumes)).to.have.members(volumes);
  });
});

describe("the compose file of three nodes", () => {
  interface Service {
    readonly image: string;
    readonly privileged: boolean;
    readonly volumes: readonly string[];
    readonly secrets: readonly { readonly source: string; readonly target: string }[];
    readonly environment?: unknown;
  }
  let compose: {
    readonly services: Readonly<Record<string, Service>>;
    readonly networks: Readonly<Record<string, { readonly internal: boolean }>>;
    readonly volumes: Readonly<Record<string, unknown>>;
    readonly secrets: Readonly<Record<string, { readonly file: string }>>;
  };
  before(async () => {
    compose = parse(await readFile(COMPOSE, "utf8"), { merge: true }) as typeof compose;
  });

  it("has three machines that differ in nothing but their volumes", () => {
    const services = Object.values(compose.services);
    expect(services).to.have.length(3);
    const alike = services.map(({ volumes: _, ...rest }) => rest);
    for (const one of alike) expect(one).to.deep.equal(alike[0]);
    const named = services.flatMap(({ volumes }) => volumes.map((entry) => entry.split(":")[0] as string));
    expect(new Set(named).size).to.equal(named.length);
    expect(Object.keys(compose.volumes)).to.have.members(named);
  });

  it("gives each volume of the image a place", async () => {
    const containerfile = await readFile(join(NODE_CONTEXT, "Containerfile"), "utf8");
    const declared = JSON.parse(/^VOLUME (.*)$/m.exec(containerfile)?.[1] ?? "[]") as string[];
    for (const { volumes } of Object.values(compose.services))
      expect(volumes.map((entry) => entry.split(":")[1])).to.have.members(declared);
  });

  it("brings the join key as a secret, and no other way", () => {
    for (const { secrets, environment } of Object.values(compose.services)) {
      expect(secrets.map(({ target }) => target)).to.deep.equal(["/etc/cluster-os/cluster-os.yaml"]);
      expect(environment).to.equal(undefined);
    }
    expect(compose.secrets["cluster-os.yaml"]?.file).to.equal("./cluster-os.yaml");
  });

  it("runs the image that is built here", async () => {
    const { version } = JSON.parse(await readFile(join(REPOSITORY, "package.json"), "utf8")) as {
      version: string;
    };
    for (const { image } of Object.values(compose.services))
      expect(image).to.equal(`localhost/cluster-os-node:${version}`);
  });
});
