import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { agentAccessObjects, baseObjects, clusterNodeObject, nodeLeaseObject } from "@cluster-os/api";
import { findHyperkube, startApiServer } from "@cluster-os/tools/api-server";
import { listenAsBootstrap } from "./bootstrap-socket.ts";
import { NODE_NAME, nodeStatus, peer } from "./fixtures.ts";
const found = await findHyperkube();
if ("missing" in found) throw new Error();
await using api = await startApiServer(found.path);
for (const o of baseObjects()) await api.kubectl(["apply", "--server-side", "-f", "-"], { input: o });
await new Promise((r) => setTimeout(r, 4000));
for (const o of [clusterNodeObject(NODE_NAME), nodeLeaseObject(NODE_NAME), ...agentAccessObjects(NODE_NAME)])
  await api.kubectl(["create", "-f", "-"], { input: o });
await using b = await listenAsBootstrap({
  status: () =>
    nodeStatus({
      mesh: {
        interface: "cos0",
        peers: Array.from({ length: 20 }, (_, i) => peer("n-" + i, { lastHandshakeMs: Date.now() })),
      },
    }),
  certificate: async (csr) => ({
    certificatePem: await api.signClient(csr, 3600),
    caPem: api.caPem,
    server: api.url,
    nodeName: NODE_NAME,
    expiresAt: Date.now() + 3600e3,
  }),
});
for (const flags of process.env["FLAGS"]!.split(";")) {
  const child = spawn(process.execPath, [...flags.split(" ").filter(Boolean), "/tmp/memtest/agent.mjs"], {
    env: { ...process.env, SOCK: b.path },
    stdio: "ignore",
  });
  const out = [];
  for (let i = 0; i < 3; i++) {
    await new Promise((r) => setTimeout(r, Number(process.env["SECS"]) * 333));
    const s = readFileSync(`/proc/${child.pid}/status`, "utf8");
    const st = readFileSync(`/proc/${child.pid}/stat`, "utf8").split(" ");
    out.push(
      Number(/VmRSS:\s+(\d+)/.exec(s)?.[1]) / 1000,
      Number(/RssAnon:\s+(\d+)/.exec(s)?.[1]) / 1000,
      Number(st[13]) + Number(st[14]),
    );
  }
  child.kill("SIGTERM");
  console.log(flags, out.join(" "), "exit", await new Promise((r) => child.on("exit", r)));
}
