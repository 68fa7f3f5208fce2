import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LocalApiClient } from "@cluster-os/api/drivers";
import type { Machine } from "@cluster-os/lab";
import { execa } from "execa";

/** What a thief with a node-agent's certificate may use: kubectl, on the machine that he took it from. */
export interface Thief {
  /** Runs kubectl as that node-agent: its exit code and what it said. */
  kubectl(args: readonly string[]): Promise<{ readonly exitCode: number; readonly said: string }>;
}

const KUBECONFIG = "/run/stolen.kubeconfig";

/**
 * Takes a node-agent's access as somebody could who is root on its machine for a moment: asks bootstrap for a certificate of
 * its name, as the agent does, and keeps it.
 */
export async function steal(machine: Machine, nodeName: string): Promise<Thief> {
  const { key, csr } = await makeRequest(nodeName);
  const client = new LocalApiClient({ socketPath: await machine.localApi() });
  const { certificatePem, caPem, server } = await client.agentCertificate({ csrPem: csr });
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  const kubeconfig = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "c", cluster: { server, "certificate-authority-data": base64(caPem) } }],
    users: [
      {
        name: "u",
        user: { "client-certificate-data": base64(certificatePem), "client-key-data": base64(key) },
      },
    ],
    contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
    "current-context": "x",
  };
  const stdin = new TextEncoder().encode(JSON.stringify(kubeconfig));
  await machine.run(["install", "--mode=600", "/dev/null", KUBECONFIG]);
  await machine.run(["tee", KUBECONFIG], { stdin, stdout: "ignore" });
  return {
    kubectl: async (args) => {
      const options = [`--kubeconfig=${KUBECONFIG}`, "--request-timeout=10s"];
      const { exitCode, stdout, stderr } = await machine.exec(["kubectl", ...options, ...args]);
      return { exitCode, said: stdout + stderr };
    },
  };
}

async function makeRequest(nodeName: string): Promise<{ readonly key: string; readonly csr: string }> {
  const folder = await mkdtemp(join(tmpdir(), "cluster-os-stolen-"));
  try {
    const [key, csr] = [join(folder, "key"), join(folder, "csr")];
    await execa("openssl", [
      ...["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
      ...["-subj", `/O=cluster-os:node-agents/CN=cluster-os:node:${nodeName}`, "-keyout", key, "-out", csr],
    ]);
    return { key: await readFile(key, "utf8"), csr: await readFile(csr, "utf8") };
  } finally {
    await rm(folder, { recursive: true });
  }
}
