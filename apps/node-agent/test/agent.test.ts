import {
  agentAccessObjects,
  agentLeaseName,
  admissionPolicyObjects,
  baseObjects,
  clusterNodeObject,
  NAMESPACE,
  nodeLeaseObject,
  type ClusterNodeObject,
  type Condition,
  type NodeStatus,
} from "@cluster-os/api";
import { LocalApiClient } from "@cluster-os/api/drivers";
import type { Logger, LogFields } from "@cluster-os/std";
import { delay, systemClock, systemRng, waitFor } from "@cluster-os/std/drivers";
import { findHyperkube, startApiServer, type ApiServer } from "@cluster-os/tools/api-server";
import { expect } from "chai";
import { runAgent } from "../src/agent.ts";
import { openKube } from "../src/drivers/kube.ts";
import { listenAsBootstrap, type BootstrapSocket } from "./bootstrap-socket.ts";
import { CAPABILITIES, NODE_ID, NODE_NAME, nodeStatus, peer, VERSIONS, CLOCK } from "./fixtures.ts";

describe("node-agent on a real API server", function () {
  this.timeout(120_000);
  let api: ApiServer;
  let bootstrap: BootstrapSocket;
  let status: NodeStatus;
  let certificateSeconds: number;
  let issued: number;
  let isFirstExpired: boolean;
  let agent: RunningAgent | undefined;

  before(async function () {
    const found = await findHyperkube();
    if ("missing" in found) {
      console.log(`      skipped: ${found.missing}`);
      return this.skip();
    }
    api = await startApiServer(found.path);
    for (const object of [...baseObjects(), ...admissionPolicyObjects()])
      await kubectl(["apply", "--server-side", "-f", "-"], object);
    await waitFor(async () => (await api.kubectl(["get", "cn"])).isDone, {
      what: "the definition",
      timeoutMs: 30_000,
    });
    await kubectl(["create", "-f", "-"], [nodeLeaseObject(NODE_NAME), ...agentAccessObjects(NODE_NAME)]);
  });

  after(() => api?.[Symbol.asyncDispose]());

  beforeEach(async () => {
    certificateSeconds = 3600;
    issued = 0;
    isFirstExpired = false;
    setStatus({});
    await removeNode();
    await kubectl(["create", "-f", "-"], clusterNodeObject(NODE_NAME));
    bootstrap = await listen();
  });

  afterEach(async () => {
    await agent?.stop();
    agent = undefined;
    await bootstrap?.[Symbol.asyncDispose]();
  });

  function listen(path?: string): Promise<BootstrapSocket> {
    return listenAsBootstrap({
      path,
      status: () => status,
      certificate: async (csrPem) => {
        issued += 1;
        const isExpired = isFirstExpired && issued === 1;
        const certificatePem = await api.signClient(csrPem, isExpired ? -60 : certificateSeconds);
        const expiresAt = Date.now() + certificateSeconds * 1000;
        return { certificatePem, caPem: api.caPem, server: api.url, nodeName: NODE_NAME, expiresAt };
      },
    });
  }

  /** Peers with a handshake that was just now, as a real mesh has them. */
  function setStatus(changes: Partial<NodeStatus>): void {
    const mesh = {
      interface: "cos0",
      network: "10.86.0.0/16",
      implementation: "kernel" as const,
      peers: [peer("n-bbbbbbbbbb", { lastHandshakeMs: Date.now() })],
    };
    status = nodeStatus({ mesh, ...changes });
  }

  async function kubectl(args: readonly string[], input?: unknown): Promise<string> {
    const result = await api.kubectl(args, input === undefined ? {} : { input });
    expect(result.isDone, result.stderr).to.equal(true);
    return result.stdout;
  }

  /** Without its finalizer, which the operator would take off and nobody does here. */
  async function removeNode(): Promise<void> {
    const noFinalizers = JSON.stringify({ metadata: { finalizers: null } });
    await api.kubectl(["patch", "clusternode", NODE_NAME, "--type=merge", "-p", noFinalizers]);
    await kubectl(["delete", "clusternode", NODE_NAME, "--ignore-not-found"]);
  }

  async function readNode(): Promise<ClusterNodeObject> {
    return JSON.parse(await kubectl(["get", "cn", NODE_NAME, "-o", "json"])) as ClusterNodeObject;
  }

  async function renewTime(): Promise<string> {
    return kubectl([
      "get",
      "lease",
      agentLeaseName(NODE_NAME),
      "-n",
      NAMESPACE,
      "-o",
      "jsonpath={.spec.renewTime}",
    ]);
  }

  const reported = (what: string, look: (node: ClusterNodeObject) => boolean): Promise<ClusterNodeObject> =>
    waitFor(
      async () => {
        const node = await readNode();
        return look(node) && node;
      },
      { what, timeoutMs: 30_000, everyMs: 200 },
    );

  const isComplete = (node: ClusterNodeObject): boolean => node.status?.conditions?.length === 3;

  it("reports the machine under its own certificate, and renews its lease", async () => {
    agent = startAgent(bootstrap.path);
    const node = await reported("a report", isComplete);
    expect(node.status).to.deep.include({ nodeID: NODE_ID, index: 1, roles: ["control-plane", "worker"] });
    expect(node.status?.capabilities).to.deep.include({ cpu: 16, memory: "64319Mi" });
    const found = node.status?.conditions?.map((one) => [one.type, one.status, one.observedGeneration]);
    expect(found).to.deep.equal([
      ["MeshConnected", "True", 1],
      ["KubernetesReady", "True", 1],
      ["ClockSynchronized", "True", 1],
    ]);
    const before = await renewTime();
    await waitFor(async () => (await renewTime()) !== before, { what: "a renewal", timeoutMs: 10_000 });
  });

  it("writes nothing while nothing changes, not even when it is restarted", async () => {
    agent = startAgent(bootstrap.path);
    const { metadata } = await reported("a report", isComplete);
    // Handshakes and counters go on, as they do in a mesh; thirty rounds see them.
    for (let round = 0; round < 6; round += 1) {
      setStatus({});
      await delay(500);
    }
    expect((await readNode()).metadata.resourceVersion).to.equal(metadata.resourceVersion);
    await agent.stop();
    agent = startAgent(bootstrap.path);
    await agent.logged("has a client certificate");
    await delay(1500);
    expect((await readNode()).metadata.resourceVersion).to.equal(metadata.resourceVersion);
  });

  it("reports a change, and follows the generation of the spec", async () => {
    agent = startAgent(bootstrap.path);
    await reported("a report", isComplete);
    setStatus({
      mesh: {
        interface: "cos0",
        network: "10.86.0.0/16",
        implementation: "kernel" as const,
        peers: [peer("n-bbbbbbbbbb", { lastHandshakeMs: Date.now() - 600_000 })],
      },
    });
    await kubectl(["patch", "cn", NODE_NAME, "--type=merge", "-p", '{"spec":{"unschedulable":true}}']);
    const isSilent = (one: Condition): boolean =>
      one.reason === "MostPeersSilent" && one.observedGeneration === 2;
    const node = await reported(
      "the change",
      ({ status: seen }) => seen?.conditions?.some(isSilent) ?? false,
    );
    expect(node.status?.mesh?.peers?.[0]).to.include({ connected: false });
    expect(node.status?.observedGeneration).to.equal(2);
  });

  it("leaves the servers' conditions alone", async () => {
    agent = startAgent(bootstrap.path);
    await reported("a report", isComplete);
    const ready = {
      type: "Ready",
      status: "True",
      reason: "NodeReady",
      message: "",
      lastTransitionTime: "2026-01-01T00:00:00Z",
    };
    const theirs = { ...clusterNodeObject(NODE_NAME), spec: undefined, status: { conditions: [ready] } };
    await kubectl(
      ["apply", "--server-side", "--subresource=status", "--field-manager=cluster-os-bootstrap", "-f", "-"],
      theirs,
    );
    setStatus({ label: "rack4" });
    const node = await reported("the label", ({ status: seen }) => seen?.label === "rack4");
    expect(node.status?.conditions?.map(({ type }) => type).sort()).to.deep.equal([
      "ClockSynchronized",
      "KubernetesReady",
      "MeshConnected",
      "Ready",
    ]);
  });

  it("renews its certificate in time, and goes on without a gap", async () => {
    certificateSeconds = 12;
    agent = startAgent(bootstrap.path);
    await waitFor(() => issued >= 3, { what: "two renewals", timeoutMs: 40_000 });
    const before = await renewTime();
    await waitFor(async () => (await renewTime()) !== before, { what: "a renewal", timeoutMs: 10_000 });
    expect(agent.warnings()).to.deep.equal([]);
  });

  it("replaces a certificate that the API refuses", async () => {
    isFirstExpired = true;
    agent = startAgent(bootstrap.path);
    await agent.logged("round failed");
    await reported("a report", isComplete);
    expect(issued).to.be.greaterThan(1);
  });

  it("survives an API that hangs, and a bootstrap that restarts", async () => {
    agent = startAgent(bootstrap.path);
    await reported("a report", isComplete);
    api.freeze();
    try {
      await agent.logged("round failed");
    } finally {
      api.thaw();
    }
    await agent.logged("works again");
    await bootstrap[Symbol.asyncDispose]();
    await agent.logged("bootstrap is silent");
    const before = await renewTime();
    await waitFor(async () => (await renewTime()) !== before, { what: "a renewal", timeoutMs: 10_000 });
    bootstrap = await listen();
  });

  it("waits for a bootstrap that is not there yet, and for its ClusterNode", async () => {
    await removeNode();
    const { path } = bootstrap;
    await bootstrap[Symbol.asyncDispose]();
    agent = startAgent(path);
    await agent.logged("round failed");
    expect(agent.warnings()[0]).to.contain("bootstrap is not running");
    bootstrap = await listen(path);
    await agent.logged("has a client certificate");
    await waitFor(() => agent?.warnings().some((line) => line.includes("not found")), {
      what: "404",
      timeoutMs: 10_000,
    });
    await kubectl(["create", "-f", "-"], clusterNodeObject(NODE_NAME));
    await reported("a report", isComplete);
  });
});

interface RunningAgent {
  readonly stop: () => Promise<void>;
  readonly logged: (message: string) => Promise<void>;
  readonly warnings: () => readonly string[];
}

/** The agent as main.ts runs it, ten times as fast, and with a machine that is known. */
function startAgent(socketPath: string): RunningAgent {
  const stopping = new AbortController();
  const lines: {
    readonly level: string;
    readonly message: string;
    readonly fields: LogFields | undefined;
  }[] = [];
  const run = runAgent(
    {
      bootstrap: new LocalApiClient({ socketPath, rootSocketPath: socketPath }),
      machine: {
        capabilities: async () => CAPABILITIES,
        versions: async () => VERSIONS,
        isKubeletHealthy: async () => true,
        clock: async () => CLOCK,
      },
      openKube: (credentials) =>
        openKube(credentials, { clock: systemClock, rng: systemRng, logger: recorder(lines) }),
      clock: systemClock,
      rng: systemRng,
      logger: recorder(lines),
      pace: { accessMs: 100, heartbeatMs: 500, reportMs: 300, rereadMs: 2000 },
    },
    stopping.signal,
  );
  return {
    stop: async () => {
      stopping.abort(new Error("the test ends"));
      await run;
    },
    logged: async (message) => {
      const from = lines.length;
      await waitFor(() => lines.slice(Math.max(0, from - 50)).some((line) => line.message === message), {
        what: `the log line "${message}"`,
        timeoutMs: 30_000,
      });
    },
    warnings: () =>
      lines
        .filter(({ level }) => level === "warn")
        .map(({ message, fields }) => `${message} ${JSON.stringify(fields)}`),
  };
}

function recorder(lines: { level: string; message: string; fields: LogFields | undefined }[]): Logger {
  const at = (level: string) => (message: string, fields?: LogFields) =>
    void lines.push({ level, message, fields });
  const logger: Logger = {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    child: () => logger,
  };
  return logger;
}
