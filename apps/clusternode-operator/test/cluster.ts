import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { baseObjects } from "@cluster-os/api";
import type { Connection } from "@cluster-os/kube";
import { waitFor } from "@cluster-os/std/drivers";
import { findHyperkube, startApiServer, type ApiServer } from "@cluster-os/tools/api-server";
import { renderManifests } from "@cluster-os/tools/chart";
import { expect } from "chai";
import { execa } from "execa";

/** A real API server with everything that the package installs, or why there is none. */
export async function startCluster(): Promise<ApiServer | { readonly missing: string }> {
  const found = await findHyperkube();
  if ("missing" in found) return found;
  const api = await startApiServer(found.path);
  const { objects } = await renderManifests({ version: "0.0.0", image: "registry.local/operator:test" });
  for (const input of [...baseObjects(), ...objects]) {
    const { isDone, stderr } = await api.kubectl(["apply", "--server-side", "-f", "-"], { input });
    expect(isDone, stderr).to.equal(true);
  }
  await waitFor(async () => (await api.kubectl(["get", "clusternodes"])).isDone, {
    what: "the custom resource",
    timeoutMs: 30_000,
  });
  return api;
}

/** A connection as this user, by a certificate as the cluster's signer gives them. Not of the administrators. */
export async function connectAs(api: ApiServer, user: string): Promise<Connection> {
  const folder = await mkdtemp(join(tmpdir(), "operator-test-"));
  try {
    const key = join(folder, "key.pem");
    const request = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    const { stdout } = await execa("openssl", [...request, "-keyout", key, "-subj", `/O=testers/CN=${user}`]);
    const cert = await api.signClient(stdout, 3600);
    return { server: api.url, ca: api.caPem, credentials: { cert, key: await readFile(key, "utf8") } };
  } finally {
    await rm(folder, { recursive: true });
  }
}
