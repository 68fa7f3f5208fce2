import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { seededRng, silentLogger } from "@cluster-os/std";
import { systemClock, waitFor } from "@cluster-os/std/drivers";
import { findHyperkube } from "@cluster-os/tools/api-server";
import { expect } from "chai";
import type { Distribution } from "../src/index.ts";
import { kubeadmDistribution } from "../src/drivers/index.ts";
import { REVISION_BUMP } from "../src/plan/restore.ts";
import { CONTROL_PLANE_PODS, PATHS, SET_ASIDE_FOLDER } from "../src/settings.ts";
import { nodeName, placement } from "./fixtures.ts";
import { ask, LoopbackHost, prepareFolder, startEtcd, type EtcdProcess } from "./loopback-host.ts";

const { signal } = new AbortController();
const base64 = (text: string): string => Buffer.from(text).toString("base64");

describe("restoring a real etcd that lost its majority", function () {
  this.timeout(120_000);
  let root: string;
  let host: LoopbackHost;
  let distribution: Distribution;
  let port: number;
  const others: ReturnType<typeof startEtcd>[] = [];

  const put = (key: string, value: string) => ask(port, "kv/put", { key: base64(key), value: base64(value) });
  const get = async (key: string, revision?: number) => {
    const answer = (await ask(port, "kv/range", { key: base64(key), ...(revision && { revision }) })) as {
      header?: { revision: string };
      kvs?: { value: string }[];
      message?: string;
    };
    return {
      revision: Number(answer.header?.revision ?? 0),
      value: answer.kvs?.[0] && Buffer.from(answer.kvs[0].value, "base64").toString("utf8"),
      error: answer.message,
    };
  };

  before(async function () {
    const found = await findHyperkube();
    if ("missing" in found) {
      console.log(`      skipped: ${found.missing}`);
      return this.skip();
    }
    root = await mkdtemp(join(tmpdir(), "restore-"));
    const ports = await freePorts(6);
    const members = [1, 2, 3].map((index): EtcdProcess => ({
      name: nodeName(index),
      client: ports[index * 2 - 2] as number,
      peer: ports[index * 2 - 1] as number,
    }));
    const [own, ...rest] = members as [EtcdProcess, EtcdProcess, EtcdProcess];
    port = own.client;
    const pki = ["ca.crt", "healthcheck-client.crt", "healthcheck-client.key"];
    await prepareFolder(root, {
      ...Object.fromEntries(CONTROL_PLANE_PODS.map((pod) => [`${PATHS.manifests}/${pod}.yaml`, pod])),
      ...Object.fromEntries(pki.map((name) => [`${PATHS.etcdPki}/${name}`, "x"])),
      [PATHS.caCertificate]: "x",
      [PATHS.placement]: JSON.stringify({ ...placement(1), meshAddress: "127.0.0.1" }),
    });
    host = new LoopbackHost(root, found.path, own);
    host.adopt(startEtcd(found.path, host.at(PATHS.etcdFolder), own, members));
    for (const member of rest) others.push(startEtcd(found.path, join(root, member.name), member, members));
    distribution = kubeadmDistribution({
      host,
      clock: systemClock,
      rng: seededRng(1),
      logger: silentLogger,
      meshInterface: "cos0",
    });
    await waitFor(async () => "header" in (await put("before", "everybody agreed")), {
      what: "etcd",
      timeoutMs: 60_000,
    });
  });

  after(async () => {
    await host?.stop();
    for (const etcd of others) etcd.kill("SIGKILL");
    await Promise.all(others);
    if (root) await rm(root, { recursive: true, force: true });
  });

  let lastRevision = 0;

  it("takes a snapshot that ends with the hash of what it holds, for root alone", async () => {
    await distribution.snapshot("/snapshots/first", signal);
    const content = await readFile(host.at("/snapshots/first"));
    const hash = createHash("sha256").update(content.subarray(0, -32)).digest();
    expect(content.subarray(-32).equals(hash)).to.equal(true);
    expect((await stat(host.at("/snapshots/first"))).mode & 0o777).to.equal(0o600);
  });

  it("begins anew from the survivor's data: everything is there, and no old revision is believed", async () => {
    await put("after", "the snapshot");
    lastRevision = (await get("before")).revision;
    for (const etcd of others) etcd.kill("SIGKILL");
    await Promise.all(others);
    await distribution.restore({ id: "1000000", source: { kind: "own" } }, signal);
    expect(await get("before")).to.include({ value: "everybody agreed" });
    expect(await get("after")).to.include({ value: "the snapshot" });
    expect((await get("before")).revision).to.be.at.least(lastRevision + REVISION_BUMP);
    expect((await get("before", lastRevision)).error).to.include("compacted");
    const { members } = (await ask(port, "cluster/member/list", {})) as { members: { name: string }[] };
    expect(members.map(({ name }) => name)).to.deep.equal([nodeName(1)]);
    expect(await put("now", "it writes again")).to.have.property("header");
  });

  it("keeps what was there, whole", async () => {
    const [stamp] = await host.list(SET_ASIDE_FOLDER);
    expect(await host.list(`${SET_ASIDE_FOLDER}/${stamp}/etcd/member`)).to.include.members(["snap", "wal"]);
  });

  it("asked again under the same ID, does nothing more", async () => {
    const { revision } = await get("now");
    await distribution.restore({ id: "1000000", source: { kind: "own" } }, signal);
    expect((await get("now")).revision).to.equal(revision);
  });

  it("begins anew from a snapshot: what was written since is gone", async () => {
    const source = { kind: "snapshot", path: "/var/lib/first" } as const;
    await host.move("/snapshots/first", source.path);
    await distribution.restore({ id: "2000000", source }, signal);
    expect(await get("before")).to.include({ value: "everybody agreed" });
    expect((await get("after")).value).to.equal(undefined);
  });

  it("refuses a snapshot that is not as it was taken, and nothing is lost by it", async () => {
    await host.writeFile("/var/lib/broken", "not a snapshot", 0o600);
    const source = { kind: "snapshot", path: "/var/lib/broken" } as const;
    const error = await distribution
      .restore({ id: "3000000", source }, signal)
      .catch((refusal: unknown) => refusal);
    expect(String(error)).to.include("etcdutl snapshot status");
    expect(await get("before")).to.include({ value: "everybody agreed" });
  });
});

async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve) => {
          server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port));
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
