/** A real API server on which everything is installed that the Debian packages bring, and users of it. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { baseObjects } from "@cluster-os/api";
import { waitFor } from "@cluster-os/std/drivers";
import { execa } from "execa";
import { renderManifests } from "../deb/chart.ts";
import { findHyperkube, startApiServer, type ApiServer } from "./api-server.ts";

/** Definitions, policies and rights as bootstrap installs them, and the chart's objects; or why there is none. */
export async function startCluster(): Promise<ApiServer | { readonly missing: string }> {
  const found = await findHyperkube();
  if ("missing" in found) return found;
  const api = await startApiServer(found.path);
  try {
    const { objects } = await renderManifests({ version: "0.0.0", image: "registry.local/operator:test" });
    for (const input of [...baseObjects(), ...objects]) {
      const { isDone, stderr } = await api.kubectl(["apply", "--server-side", "-f", "-"], { input });
      if (!isDone) throw new Error(`cannot install ${JSON.stringify(input).slice(0, 200)}: ${stderr}`);
    }
    await waitFor(async () => (await api.kubectl(["get", "clusternodes"])).isDone, {
      what: "the custom resource",
      timeoutMs: 30_000,
    });
    return api;
  } catch (error) {
    await api[Symbol.asyncDispose]();
    throw error;
  }
}

/** What a client of libs/kube takes for a connection. */
export interface UserConnection {
  readonly server: string;
  readonly ca: string;
  readonly credentials: { readonly cert: string; readonly key: string };
}

/** A connection as this user, by a certificate as the cluster's signer gives them. Not of the administrators. */
export async function connectAs(api: ApiServer, user: string): Promise<UserConnection> {
  const folder = await mkdtemp(join(tmpdir(), "named-user-"));
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
