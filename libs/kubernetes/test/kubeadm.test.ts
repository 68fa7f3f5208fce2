import { seededRng, silentLogger } from "@cluster-os/std";
import { expect } from "chai";
import { kubeadmDistribution } from "../src/drivers/index.ts";
import type { Distribution } from "../src/index.ts";
import { PATHS, RUN_FOLDER } from "../src/settings.ts";
import { describeDistribution } from "./distribution.contract.ts";
import { FakeCluster } from "./fake-cluster.ts";
import { FakeMachine } from "./fake-machine.ts";
import { certificateEnding, NEW_CERTIFICATE, nodeName, NOW, placement, server } from "./fixtures.ts";
import { expectGolden } from "./golden.ts";

const { signal } = new AbortController();
const clock = { now: () => 0, wallTime: () => NOW };

interface SetUp {
  readonly cluster: FakeCluster;
  readonly host: (index: number) => FakeMachine;
  readonly on: (index: number) => Distribution;
  /** The driver as after a restart of bootstrap: it knows only what is on the disk. */
  readonly restarted: (index: number) => Distribution;
}

function setUp(indexes: readonly number[]): SetUp {
  const cluster = new FakeCluster();
  const hosts = new Map(
    indexes.map((index) => [index, new FakeMachine(cluster, nodeName(index), server(index).address)]),
  );
  const host = (index: number): FakeMachine => hosts.get(index) as FakeMachine;
  const restarted = (index: number): Distribution =>
    kubeadmDistribution({
      host: host(index),
      clock,
      rng: seededRng(index),
      logger: silentLogger,
      meshInterface: "cos0",
    });
  const distributions = new Map(indexes.map((index) => [index, restarted(index)]));
  return { cluster, host, restarted, on: (index) => distributions.get(index) as Distribution };
}

describeDistribution("kubeadm on fake machines", () => {
  const { cluster, host, on } = setUp([1, 2, 3, 4]);
  return Promise.resolve({
    machine: on,
    placement,
    kill: async (index: number) => {
      host(index).active.clear();
      host(index).files.clear();
      cluster.machines.delete(server(index).address);
    },
  });
});

describe("the steps of kubeadm's driver", () => {
  /** What the driver did on one machine during `act`, as text. */
  async function traceOf(machine: FakeMachine, act: () => Promise<unknown>): Promise<string> {
    machine.trace.length = 0;
    await act();
    return `${machine.trace.join("\n")}\n`;
  }

  it("are the known ones, from the first server to the last", async () => {
    const { cluster, host, on, restarted } = setUp([1, 2, 4]);
    expectGolden("steps/init.txt", await traceOf(host(1), () => on(1).initServer(placement(1), signal)));
    const mint = (): Promise<string> => traceOf(host(1), () => on(1).credentials("server", signal));
    expectGolden("steps/credentials.txt", await mint());
    const server1 = await on(1).credentials("server", signal);
    const join2 = { ...placement(2, [1]), credentials: server1 };
    expectGolden("steps/join-server.txt", await traceOf(host(2), () => on(2).joinServer(join2, signal)));
    const join4 = { ...placement(4, [1, 2]), credentials: await on(1).credentials("worker", signal) };
    expectGolden("steps/join-worker.txt", await traceOf(host(4), () => on(4).joinWorker(join4, signal)));
    const promote4 = { ...placement(4, [1, 2]), credentials: await on(1).credentials("server", signal) };
    expectGolden("steps/promote.txt", await traceOf(host(4), () => on(4).promote(promote4, signal)));
    expectGolden("steps/demote.txt", await traceOf(host(4), () => on(4).demote(signal)));
    cluster.pods.set(nodeName(4), ["default/web", `kube-system/etcd-${nodeName(4)}`]);
    expectGolden("steps/remove.txt", await traceOf(host(1), () => on(1).removeMember(nodeName(4), signal)));
    expect(cluster.pods.get(nodeName(4))).to.deep.equal([]);
    expectGolden(
      "steps/resume.txt",
      await traceOf(host(2), () => restarted(2).resume(placement(2, [1, 2]), signal)),
    );
    expectGolden("steps/halt.txt", await traceOf(host(2), () => on(2).halt(signal)));
    expectGolden(
      "steps/withdraw.txt",
      await traceOf(host(2), () => on(2).withdraw([server(1), server(2)], signal)),
    );
    expectGolden("steps/reset.txt", await traceOf(host(2), () => on(2).reset(signal)));
  });

  it("write nothing a second time", async () => {
    const { host, on, restarted } = setUp([1]);
    await on(1).initServer(placement(1), signal);
    await on(1).resume(placement(1, [1]), signal);
    const trace = await traceOf(host(1), () => restarted(1).resume(placement(1, [1]), signal));
    expect(trace).to.not.include("write");
    expect(trace).to.not.include("restart").and.not.include("reload");
  });

  it("are none at all where nothing is to be done", async () => {
    const { host, on } = setUp([1]);
    await on(1).prepare(signal);
    await on(1).setServers(placement(1, [1, 2]));
    const again = async (): Promise<void> => {
      await on(1).prepare(signal);
      await on(1).setServers(placement(1, [2, 1]));
    };
    expect(await traceOf(host(1), again)).to.equal("\n");
  });

  it("try again what haproxy did not take, after a restart of bootstrap too", async () => {
    const { host, on, restarted } = setUp([1]);
    await on(1).setServers(placement(1, [1]));
    host(1).failing.push("systemctl reload-or-restart");
    await failureOf(on(1).setServers(placement(1, [1, 2])));
    host(1).failing.pop();
    const trace = await traceOf(host(1), () => restarted(1).setServers(placement(1, [1, 2])));
    expect(trace).to.include("run systemctl reload-or-restart cluster-os-balancer.service\n");
  });

  it("put no secret on a command line, and none in a file that outlives the act or that others can read", async () => {
    const { host, on } = setUp([1, 2, 4]);
    await on(1).initServer(placement(1), signal);
    const credentials = await on(1).credentials("server", signal);
    await on(2).joinServer({ ...placement(2, [1]), credentials }, signal);
    const worker = await on(1).credentials("worker", signal);
    await on(4).joinWorker({ ...placement(4, [1, 2]), credentials: worker }, signal);
    const secrets = [credentials, worker].flatMap(
      ({ distribution: _, role: __, caCertificate: ___, ...secret }) => Object.values<string>(secret),
    );
    expect(secrets).to.have.length(4);
    for (const machine of [host(1), host(2), host(4)]) {
      for (const { file, args } of machine.commands) {
        for (const secret of secrets) expect([file, ...args].join(" ")).to.not.include(secret);
      }
      for (const [path, content] of machine.files) {
        expect(path.startsWith(RUN_FOLDER), path).to.equal(false);
        if (secrets.some((secret) => content.includes(secret))) {
          expect(path).to.equal(PATHS.secretsEncryption);
          expect(machine.modes.get(path)).to.equal(0o600);
        }
      }
      for (const [path, mode] of machine.modes)
        if (path.startsWith(RUN_FOLDER)) expect(mode, path).to.equal(0o600);
    }
  });

  it("remove foreign networks before the kubelet starts", async () => {
    const { host, on } = setUp([1]);
    host(1).files.set("/etc/cni/net.d/87-podman.conflist", "{}");
    await on(1).initServer(placement(1), signal);
    expect(await host(1).list(PATHS.cniFolder)).to.deep.equal(["10-cluster-os.conflist"]);
  });
});

describe("a failure of kubeadm", () => {
  it("names the act, what kubeadm said, and the log", async () => {
    const { host, on } = setUp([1]);
    host(1).failing.push("kubeadm init --config");
    const failure = await failureOf(on(1).initServer(placement(1), signal));
    expect(failure.message).to.equal(
      "kubeadm failed (1) at init: error: it broke (all of it: /var/log/cluster-os/kubeadm-init.log)",
    );
  });

  it("tells what its checks found wrong, of the last time only", async () => {
    const { host, on } = setUp([1]);
    const checks = (...found: readonly string[]): string =>
      [
        "[preflight] Running pre-flight checks",
        "[preflight] Some fatal errors occurred:",
        ...found.map((one) => `\t[ERROR ${one}`),
        "[preflight] If you know what you are doing, you can make a check non-fatal with ...",
        "error execution phase preflight: preflight checks failed",
        "",
      ].join("\n");
    host(1).lastWords = checks("Port-6443]: in use") + checks("Mem]: too little", "Swap]: on");
    host(1).failing.push("kubeadm init --config");
    const failure = await failureOf(on(1).initServer(placement(1), signal));
    expect(failure.message).to.include("at init: [ERROR Mem]: too little; [ERROR Swap]: on (all of it");
    host(1).lastWords = checks("Mem]: too little") + "error execution phase preflight: unable to ask\n";
    const later = await failureOf(on(1).initServer(placement(1), signal));
    expect(later.message).to.include("at init: error execution phase preflight: unable to ask (all of it");
  });

  it("takes a learner that did not get through out of etcd", async () => {
    const { cluster, host, on } = setUp([1, 2]);
    await on(1).initServer(placement(1), signal);
    host(2).failing.push("kubeadm init phase etcd");
    const credentials = await on(1).credentials("server", signal);
    await failureOf(on(2).joinServer({ ...placement(2, [1]), credentials }, signal));
    expect(cluster.members.map(({ name }) => name)).to.deep.equal([nodeName(1)]);
  });

  it("is none while etcd refuses a new member because a voter has just come back", async () => {
    const { cluster, on } = setUp([1, 2]);
    await on(1).initServer(placement(1), signal);
    const credentials = await on(1).credentials("server", signal);
    const answer = cluster.answer.bind(cluster);
    let refusals = 2;
    cluster.answer = (from, request) => {
      if (!request.url.endsWith("/v3/cluster/member/add") || refusals === 0) return answer(from, request);
      refusals -= 1;
      return { status: 503, body: '{"code":14,"message":"etcdserver: unhealthy cluster"}' };
    };
    await on(2).joinServer({ ...placement(2, [1]), credentials }, signal);
    expect(refusals).to.equal(0);
    expect(cluster.members.map(({ name }) => name)).to.deep.equal([nodeName(1), nodeName(2)]);
  });

  it("is none once this machine has a vote and the API is only slow", async () => {
    const { cluster, on } = setUp([1, 2]);
    await on(1).initServer(placement(1), signal);
    const credentials = await on(1).credentials("server", signal);
    const answer = cluster.answer.bind(cluster);
    let silences = 1;
    cluster.answer = (from, request) => {
      const isLabels = request.method === "PATCH" && request.url.endsWith(`/nodes/${nodeName(2)}`);
      if (isLabels && silences > 0) {
        silences -= 1;
        throw new Error("got no answer");
      }
      return answer(from, request);
    };
    await on(2).joinServer({ ...placement(2, [1]), credentials }, signal);
    expect(silences).to.equal(0);
    expect(cluster.members.map(({ name }) => name)).to.deep.equal([nodeName(1), nodeName(2)]);
  });

  it("after the vote costs nobody the majority: it is given back before the data is wiped", async () => {
    const { cluster, on } = setUp([1, 2]);
    await on(1).initServer(placement(1), signal);
    const credentials = await on(1).credentials("server", signal);
    const cut = new AbortController();
    const answer = cluster.answer.bind(cluster);
    cluster.answer = (from, request) => {
      if (request.method === "PATCH" && request.url.endsWith(`/nodes/${nodeName(2)}`)) cut.abort();
      return answer(from, request);
    };
    await failureOf(on(2).joinServer({ ...placement(2, [1]), credentials }, cut.signal));
    cluster.answer = answer;
    expect(cluster.members.map(({ name }) => name)).to.deep.equal([nodeName(1), nodeName(2)]);
    await on(2).withdraw([server(1), server(2)], signal);
    await on(2).reset(signal);
    expect(cluster.members.map(({ name }) => name)).to.deep.equal([nodeName(1)]);
  });

  it("does not keep reset from wiping", async () => {
    const { host, on } = setUp([1]);
    await on(1).initServer(placement(1), signal);
    host(1).failing.push("kubeadm reset");
    await on(1).reset(signal);
    expect((await on(1).status(signal)).kind).to.equal("none");
  });
});

describe("a refusal", () => {
  it("of a machine that etcd still lists from an earlier life says what to do", async () => {
    const { cluster, on } = setUp([1, 2]);
    await on(1).initServer(placement(1), signal);
    cluster.members.push({
      ID: "77",
      name: nodeName(2),
      peerURLs: ["https://10.86.0.2:2380"],
      clientURLs: [],
    });
    const credentials = await on(1).credentials("server", signal);
    const failure = await failureOf(on(2).joinServer({ ...placement(2, [1]), credentials }, signal));
    expect(failure.message).to.include("it has to be removed first");
  });

  it("to wipe a folder in which something is mounted names it", async () => {
    const { host, on } = setUp([1]);
    host(1).files.set(
      "/proc/self/mountinfo",
      "31 30 0:40 / /var/lib/kubelet/pods/a/volumes/v rw - nfs h:/x rw\n",
    );
    const failure = await failureOf(on(1).reset(signal));
    expect(failure.message).to.include("/var/lib/kubelet/pods/a/volumes/v is still mounted");
  });

  it("of credentials on a machine that is no server", async () => {
    const { on } = setUp([1]);
    expect((await failureOf(on(1).credentials("worker", signal))).message).to.include(
      "no control-plane server",
    );
  });

  it("of systemd names the unit's log", async () => {
    const { host, on } = setUp([1]);
    host(1).failing.push("systemctl start cluster-os-images");
    const failure = await failureOf(on(1).prepare(signal));
    expect(failure.message).to.include('"journalctl -u cluster-os-images.service" says why');
  });
});

describe("status", () => {
  it("shows a member that does not answer as not healthy", async () => {
    const { cluster, on } = setUp([1, 2]);
    await on(1).initServer(placement(1), signal);
    await on(2).joinServer(
      { ...placement(2, [1]), credentials: await on(1).credentials("server", signal) },
      signal,
    );
    cluster.machines.delete(server(2).address);
    const { etcdMembers, leader } = await on(1).status(signal);
    expect(etcdMembers).to.deep.equal([
      { name: nodeName(1), address: server(1).address, isLearner: false, healthy: true },
      { name: nodeName(2), address: server(2).address, isLearner: false, healthy: false },
    ]);
    expect(leader).to.equal(nodeName(1));
  });
});

describe("a kubeconfig", () => {
  it("is issued into a private file", async () => {
    const { host, on } = setUp([1]);
    await on(1).initServer(placement(1), signal);
    const path = "/var/lib/cluster-os/kubernetes/bootstrap.conf";
    await on(1).issueKubeconfig(
      { commonName: "cluster-os:server", organizations: ["cluster-os:servers"], validityHours: 24, path },
      signal,
    );
    expect(host(1).files.get(path)).to.equal("kind: Config\n");
    expect(host(1).modes.get(path)).to.equal(0o600);
    const command = host(1).commands.at(-1);
    expect(command?.args.join(" "))
      .to.include("--org cluster-os:servers")
      .and.include("--validity-period 24h0m0s");
  });
});

describe("certificates of a server that kubeadm made", () => {
  const old = certificateEnding("2027-03-01");
  const manifest = `${PATHS.manifests}/etcd.yaml`;

  async function oldServer(): Promise<SetUp> {
    const set = setUp([1]);
    await set.on(1).initServer(placement(1), signal);
    set.host(1).issueCertificates(old);
    set.host(1).trace.length = 0;
    return set;
  }

  it("are current, due, urgent or expired by the one that ends first", async () => {
    const { host, on } = await oldServer();
    const states = [];
    for (const day of ["2027-11-21", "2027-03-01", "2026-12-30", "2026-11-20"] as const) {
      host(1).issueCertificates(NEW_CERTIFICATE);
      host(1).files.set(`${PATHS.etcdPki}/peer.crt`, certificateEnding(day));
      states.push(await on(1).certificates());
    }
    expect(states).to.deep.equal(["current", "due", "urgent", "expired"]);
    host(1).files.set(`${PATHS.etcdPki}/peer.crt`, "half a certi");
    expect(await on(1).certificates()).to.equal("expired");
  });

  it("are made anew, and each program is started with them, one after the other", async () => {
    const { host, on } = await oldServer();
    expect(await on(1).certificates()).to.equal("due");
    await on(1).renewCertificates(signal);
    expectGolden("steps/renew-certificates.txt", `${host(1).trace.join("\n")}\n`);
    expect(await on(1).certificates()).to.equal("current");
    for (const command of host(1).commands) expect(command.args.join(" ")).to.not.include("a key");
  });

  it("are what they were when kubeadm fails", async () => {
    const { host, on } = await oldServer();
    const before = new Map(host(1).files);
    host(1).failing.push("kubeadm certs");
    await failureOf(on(1).renewCertificates(signal));
    const changed = [...host(1).files].filter(([path, content]) => before.get(path) !== content);
    expect(changed.map(([path]) => path)).to.deep.equal([`${PATHS.logs}/kubeadm-renew-certificates.log`]);
    expect(await on(1).certificates()).to.equal("due");
  });

  it("are put back after a loss of power in the middle, before they are made anew", async () => {
    const { host, restarted } = await oldServer();
    const stop = new AbortController();
    host(1).afterCommand = () => stop.abort(new Error("power"));
    const write = host(1).writeFile.bind(host(1));
    host(1).writeFile = (path, content, mode) =>
      stop.signal.aborted ? Promise.reject(new Error("power")) : write(path, content, mode);
    await failureOf(restarted(1).renewCertificates(stop.signal));
    host(1).writeFile = write;
    // What is left of a file that was being written.
    host(1).files.set(`${PATHS.etcdPki}/peer.crt`, "half a certi");
    expect(await restarted(1).certificates()).to.equal("begun");
    host(1).trace.length = 0;
    await restarted(1).renewCertificates(signal);
    const [putBack, renewed] = [`write ${PATHS.etcdPki}/peer.crt 644`, "run kubeadm certs renew all"];
    const steps = host(1).trace.filter((step) => step === putBack || step.startsWith(renewed));
    expect(steps.map((step) => step.startsWith(renewed))).to.deep.equal([false, true]);
    expect(await restarted(1).certificates()).to.equal("current");
  });

  it("are renewed wherever an earlier renewal stopped, and the end is the same", async () => {
    const whole = await oldServer();
    await whole.on(1).renewCertificates(signal);
    const steps = whole.host(1).trace.filter((step) => step.startsWith("run ")).length;
    for (let cut = 1; cut <= steps; cut += 1) {
      const { host, on, restarted } = await oldServer();
      const stop = new AbortController();
      host(1).afterCommand = (count) => count === cut && stop.abort(new Error("power"));
      await on(1)
        .renewCertificates(stop.signal)
        .catch(() => undefined);
      host(1).afterCommand = () => undefined;
      if ((await restarted(1).certificates()) !== "current") await restarted(1).renewCertificates(signal);
      expect(await on(1).certificates()).to.equal("current");
      expect(host(1).files.get(manifest)).to.equal(whole.host(1).files.get(manifest));
      const left = [...host(1).files.keys()].filter((path) =>
        /before-renewal|\.new$|renewal\.yaml/.test(path),
      );
      expect(left).to.deep.equal([]);
    }
  });

  it("are taken up although somebody runs an etcd of their own beside", async () => {
    const { host, on } = await oldServer();
    host(1).strangers.push("etcd", "kube-apiserver");
    await on(1).renewCertificates(signal);
    expect(await on(1).certificates()).to.equal("current");
  });

  it("that end too soon all the same are told of", async () => {
    const { host, on } = await oldServer();
    host(1).issueCertificates = () => undefined;
    expect((await failureOf(on(1).renewCertificates(signal))).message).to.include("due all the same");
  });

  it("are the kubelet's own affair on a worker", async () => {
    const { on } = setUp([1, 2]);
    await on(1).initServer(placement(1), signal);
    const credentials = await on(1).credentials("worker", signal);
    await on(2).joinWorker({ ...placement(2, [1]), credentials }, signal);
    expect(await on(2).certificates()).to.equal("current");
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

describe("a kubelet's certificate, with kubeadm's driver", () => {
  const CERTIFICATE = `${PATHS.kubeletFolder}/pki/kubelet-client-current.pem`;
  const BOOTSTRAP = "/etc/kubernetes/bootstrap-kubelet.conf";
  const ENDED = certificateEnding("2026-11-20");

  async function serverAndWorker(): Promise<SetUp> {
    const made = setUp([1, 2]);
    await made.on(1).initServer(placement(1), signal);
    const credentials = await made.on(1).credentials("worker", signal);
    await made.on(2).joinWorker({ ...placement(2, [1]), credentials }, signal);
    return made;
  }

  it("is good until it has ended, and while there is none", async () => {
    const { on, host } = await serverAndWorker();
    expect(await on(2).kubeletAccess()).to.equal("good");
    host(2).files.set(CERTIFICATE, NEW_CERTIFICATE);
    expect(await on(2).kubeletAccess()).to.equal("good");
    for (const content of [ENDED, "half a certif"]) {
      host(2).files.set(CERTIFICATE, content);
      expect(await on(2).kubeletAccess()).to.equal("ended");
    }
  });

  it("of a worker is asked for with a token of a server's, which is gone once there is another", async () => {
    const { on, host } = await serverAndWorker();
    host(2).files.set(CERTIFICATE, ENDED);
    const credentials = await on(1).credentials("worker", signal);
    host(2).trace.length = 0;
    await on(2).readmit({ ...placement(2, [1]), credentials }, signal);
    expect(host(2).trace).to.deep.equal([`write ${BOOTSTRAP} 600`, "run systemctl restart kubelet.service"]);
    expect(host(2).files.get(BOOTSTRAP)).to.match(/token: [a-z0-9]{6}\.[a-z0-9]{16}\n/);
    expect(await on(2).kubeletAccess()).to.equal("asking");
    host(2).files.set(CERTIFICATE, NEW_CERTIFICATE);
    expect(await on(2).kubeletAccess()).to.equal("granted");
    await on(2).endReadmission();
    expect(await on(2).kubeletAccess()).to.equal("good");
  });

  it("of a server is asked for with what it makes itself", async () => {
    const { on, host } = await serverAndWorker();
    host(1).files.set(CERTIFICATE, ENDED);
    host(1).files.set("/etc/kubernetes/pki/ca.key", "a key");
    await on(1).readmit(placement(1), signal);
    const made = host(1).commands.findLast(({ file }) => file === "kubeadm");
    expect(made?.args).to.include.members(["--client-name", `system:bootstrap:${nodeName(1)}`]);
    expect(made?.args).to.include.members(["--org", "system:bootstrappers:kubeadm:default-node-token"]);
    expect(host(1).modes.get(BOOTSTRAP)).to.equal(0o600);
    expect(await on(1).kubeletAccess()).to.equal("asking");
  });

  it("of a worker is none that it could make itself", async () => {
    const { on, host } = await serverAndWorker();
    host(2).files.set(CERTIFICATE, ENDED);
    const said = await on(2)
      .readmit(placement(2, [1]), signal)
      .then(() => "nothing", String);
    expect(said).to.include("only a control-plane server");
  });

  it("that cannot be read is out of the kubelet's way when it asks", async () => {
    const { on, host } = await serverAndWorker();
    host(2).files.set(CERTIFICATE, "half a certif");
    await on(2).readmit(
      { ...placement(2, [1]), credentials: await on(1).credentials("worker", signal) },
      signal,
    );
    expect(host(2).files.has(CERTIFICATE)).to.equal(false);
    expect(await on(2).kubeletAccess()).to.equal("asking");
  });
});
