import { seededRng, silentLogger } from "@cluster-os/std";
import { expect } from "chai";
import { parse } from "yaml";
import { k3sDistribution } from "../src/drivers/index.ts";
import type { Distribution } from "../src/index.ts";
import { K3S, K3S_SERVER_LABELS } from "../src/k3s-settings.ts";
import { API_URL, PATHS } from "../src/settings.ts";
import { describeDistribution } from "./distribution.contract.ts";
import { FakeCluster } from "./fake-cluster.ts";
import { FakeK3sMachine } from "./fake-k3s-machine.ts";
import { certificateEnding, nodeName, NOW, placement, server } from "./fixtures.ts";
import { expectGolden } from "./golden.ts";

const { signal } = new AbortController();
const clock = { now: () => 0, wallTime: () => NOW };
const machines: FakeK3sMachine[] = [];

interface SetUp {
  readonly cluster: FakeCluster;
  readonly host: (index: number) => FakeK3sMachine;
  readonly on: (index: number) => Distribution;
}

function setUp(indexes: readonly number[]): SetUp {
  const cluster = new FakeCluster();
  const hosts = new Map(
    indexes.map((index) => [index, new FakeK3sMachine(cluster, nodeName(index), server(index).address)]),
  );
  machines.push(...hosts.values());
  const host = (index: number): FakeK3sMachine => hosts.get(index) as FakeK3sMachine;
  const distributions = new Map(
    indexes.map((index) => {
      const options = { clock, rng: seededRng(index), logger: silentLogger, meshInterface: "cos0" };
      return [index, k3sDistribution({ host: host(index), ...options })];
    }),
  );
  return { cluster, host, on: (index) => distributions.get(index) as Distribution };
}

after(() => {
  for (const machine of machines) machine.discard();
});

describeDistribution("k3s on machines with a fake k3s", () => {
  const { cluster, host, on } = setUp([1, 2, 3, 4]);
  return Promise.resolve({
    machine: on,
    placement,
    kill: async (index: number) => {
      host(index).discard();
      cluster.machines.delete(server(index).address);
    },
  });
});

describe("the steps of k3s' driver", () => {
  /** What the driver did on one machine during `act`, as text. */
  async function traceOf(machine: FakeK3sMachine, act: () => Promise<unknown>): Promise<string> {
    machine.trace.length = 0;
    await act();
    return `${machine.trace.join("\n")}\n`;
  }

  it("are the known ones, from the first server to the last", async () => {
    const { cluster, host, on } = setUp([1, 2, 4]);
    expectGolden("steps/k3s-init.txt", await traceOf(host(1), () => on(1).initServer(placement(1), signal)));
    const join2 = { ...placement(2, [1]), credentials: await on(1).credentials("server", signal) };
    expectGolden("steps/k3s-join-server.txt", await traceOf(host(2), () => on(2).joinServer(join2, signal)));
    const join4 = { ...placement(4, [1, 2]), credentials: await on(1).credentials("worker", signal) };
    expectGolden("steps/k3s-join-worker.txt", await traceOf(host(4), () => on(4).joinWorker(join4, signal)));
    const promote4 = { ...placement(4, [1, 2]), credentials: await on(1).credentials("server", signal) };
    expectGolden("steps/k3s-promote.txt", await traceOf(host(4), () => on(4).promote(promote4, signal)));
    expectGolden("steps/k3s-demote.txt", await traceOf(host(4), () => on(4).demote(signal)));
    cluster.pods.set(nodeName(4), ["default/web"]);
    expectGolden(
      "steps/k3s-remove.txt",
      await traceOf(host(1), () => on(1).removeMember(nodeName(4), signal)),
    );
    expect(cluster.pods.get(nodeName(4))).to.deep.equal([]);
    expectGolden(
      "steps/k3s-resume.txt",
      await traceOf(host(2), () => on(2).resume(placement(2, [1, 2]), signal)),
    );
    await host(2).writeFile(K3S.version, "v1.35.4+k3s1\n", 0o644);
    expectGolden(
      "steps/k3s-upgrade.txt",
      await traceOf(host(2), () => on(2).upgrade("control-plane", signal)),
    );
    expect(await traceOf(host(2), () => on(2).upgrade("kubelet", signal))).to.equal("\n");
    expectGolden("steps/k3s-halt.txt", await traceOf(host(2), () => on(2).halt(signal)));
    expectGolden(
      "steps/k3s-withdraw.txt",
      await traceOf(host(2), () => on(2).withdraw([server(1), server(2)], signal)),
    );
    expectGolden("steps/k3s-reset.txt", await traceOf(host(2), () => on(2).reset(signal)));
  });

  it("put no secret on a command line, and none where others can read it", async () => {
    const { host, on } = setUp([1, 2, 4]);
    await on(1).initServer(placement(1), signal);
    const credentials = await on(1).credentials("server", signal);
    await on(2).joinServer({ ...placement(2, [1]), credentials }, signal);
    const worker = await on(1).credentials("worker", signal);
    await on(4).joinWorker({ ...placement(4, [1, 2]), credentials: worker }, signal);
    const secrets = [credentials, worker].flatMap(
      ({ distribution: _, role: __, caCertificate: ___, ...rest }) => Object.values<string>(rest),
    );
    expect(secrets).to.have.length(3);
    for (const machine of [host(1), host(2), host(4)]) {
      for (const { file, args } of machine.commands)
        for (const secret of secrets) expect([file, ...args].join(" ")).to.not.include(secret);
      expect(await machine.readFile(K3S.config)).to.not.match(new RegExp(secrets.join("|")));
    }
    for (const path of [K3S.serverToken, K3S.agentToken]) expect(host(2).modeOf(path), path).to.equal(0o600);
    expect(host(4).modeOf(K3S.joinToken)).to.equal(0o600);
    for (const index of [2, 4]) expect(host(index).modeOf(K3S.tokens)).to.equal(0o700);
    expect(host(1).modeOf(PATHS.adminKubeconfig)).to.equal(0o600);
  });

  it("leave nothing of a server on a machine that becomes a worker", async () => {
    const { cluster, host, on } = setUp([1, 2]);
    await on(1).initServer(placement(1), signal);
    const credentials = await on(1).credentials("server", signal);
    await on(2).joinServer({ ...placement(2, [1]), credentials }, signal);
    expect([...(cluster.labels.get(nodeName(2)) ?? [])]).to.have.members([...K3S_SERVER_LABELS]);
    await on(2).demote(signal);
    for (const path of [K3S.serverToken, K3S.agentToken, K3S.kubeconfig, PATHS.adminKubeconfig])
      expect(await host(2).readFile(path), path).to.equal(undefined);
    expect(await host(2).list(K3S.server)).to.deep.equal([]);
    expect(cluster.labels.get(nodeName(2))).to.deep.equal(new Set());
    expect([...host(2).active].filter((unit) => unit.startsWith("k3s"))).to.deep.equal(["k3s-agent.service"]);
  });

  it("found a cluster once, even where a server's data are lost", async () => {
    const { host, on } = setUp([1]);
    await on(1).initServer(placement(1), signal);
    const config = parse((await host(1).readFile(K3S.config)) ?? "") as Record<string, unknown>;
    expect(config).to.include({ server: API_URL }).and.not.have.property("cluster-init");
    await on(1).resume(placement(1, [1]), signal);
    expect(await host(1).readFile(K3S.config)).to.not.include("cluster-init");
  });

  it("keep the images' archives through a reset", async () => {
    const { host, on } = setUp([1]);
    await host(1).writeFile(`${K3S.images}/kube.tar`, "layers", 0o644);
    await on(1).initServer(placement(1), signal);
    await on(1).reset(signal);
    expect(await host(1).list(K3S.agent)).to.deep.equal(["images"]);
    expect(await host(1).list("/etc/rancher/k3s")).to.deep.equal([]);
  });

  it("give the administrator's access by whichever server answers", async () => {
    const { host, on } = setUp([1]);
    await on(1).initServer(placement(1), signal);
    expect(await host(1).readFile(K3S.kubeconfig)).to.include("https://10.86.0.1:6443");
    const adopted = (await host(1).readFile(on(1).adminKubeconfig())) ?? "";
    expect(adopted).to.include(`server: ${API_URL}`).and.not.include("10.86.0.1");
  });
});

describe("a failure of k3s", () => {
  it("names the unit's log, and leaves nothing running", async () => {
    const { host, on } = setUp([1, 2]);
    await on(1).initServer(placement(1), signal);
    const credentials = await on(1).credentials("server", signal);
    const wrong = { ...credentials, serverToken: "0".repeat(64) } as typeof credentials;
    const failure = await failureOf(on(2).joinServer({ ...placement(2, [1]), credentials: wrong }, signal));
    expect(failure.message).to.include('"journalctl -u k3s.service" says why');
    expect(host(2).journal).to.deep.equal(["not authorized"]);
    expect(host(2).active.has("k3s.service")).to.equal(false);
  });
});

describe("a kubeconfig of k3s", () => {
  it("is signed by the cluster, and the request goes when it is served", async () => {
    const { cluster, host, on } = setUp([1]);
    await on(1).initServer(placement(1), signal);
    const path = "/var/lib/cluster-os/kubernetes/bootstrap.conf";
    await on(1).issueKubeconfig(
      { commonName: "cluster-os:server", organizations: ["cluster-os:servers"], validityHours: 24, path },
      signal,
    );
    expect(host(1).modeOf(path)).to.equal(0o600);
    const { clusters, users } = parse((await host(1).readFile(path)) ?? "") as {
      clusters: { cluster: { server: string } }[];
      users: { user: Record<string, string> }[];
    };
    expect(clusters[0]?.cluster.server).to.equal(API_URL);
    const certificate = users[0]?.user["client-certificate-data"] ?? "";
    expect(Buffer.from(certificate, "base64").toString()).to.equal("certificate");
    const left = [...cluster.objects.keys()].filter((key) => /certificatesigningrequests\/[^/]+$/.test(key));
    expect(left).to.deep.equal([]);
  });
});

describe("certificates of k3s", () => {
  it("are renewed by a new start, before k3s' own 120 days are over, on servers and workers", async () => {
    const { host, on } = setUp([1, 2]);
    await on(1).initServer(placement(1), signal);
    const credentials = await on(1).credentials("worker", signal);
    await on(2).joinWorker({ ...placement(2, [1]), credentials }, signal);
    for (const [index, file] of [
      [1, `${K3S.server}/tls/serving-kube-apiserver.crt`],
      [2, `${K3S.agent}/client-kubelet.crt`],
    ] as const) {
      expect(await on(index).certificates()).to.equal("current");
      await host(index).writeFile(file, certificateEnding("2027-03-01"), 0o600);
      expect(await on(index).certificates()).to.equal("due");
      await on(index).renewCertificates(signal);
      expect(await on(index).certificates()).to.equal("current");
      expect((await on(index).status(signal)).apiReady).to.equal(true);
    }
  });
});

async function failureOf(work: Promise<unknown>): Promise<Error> {
  try {
    await work;
  } catch (error) {
    return error as Error;
  }
  throw new Error("it did not fail");
}
