/** A real API server on which everything is installed that the Debian packages bring, and users of it. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  agentAccessObjects,
  AGENTS_GROUP,
  agentUser,
  baseObjects,
  clusterNodeObject,
  nodeLeaseObject,
  SERVERS_GROUP,
  serverUser,
} from "@cluster-os/api";
import { waitFor } from "@cluster-os/std/drivers";
import { execa } from "execa";
import { renderManifests } from "../deb/chart.ts";
import { findHyperkube, startApiServer, type ApiServer, type KubectlResult } from "./api-server.ts";

/** Whom kubectl acts as: bootstrap of a server, and node-agent of a node. */
export const asServer = { user: serverUser("n-server"), groups: [SERVERS_GROUP] };
export const asAgent = (node: string) => ({ user: agentUser(node), groups: [AGENTS_GROUP] });

/** Throws with kubectl's words if it failed. */
export function done({ isDone, stderr }: KubectlResult): void {
  if (!isDone) throw new Error(`kubectl: ${stderr}`);
}

/**
 * Definitions and rights as bootstrap installs them, and the chart's objects; or why there is none. The objects of `nodes`
 * are made as a server's bootstrap makes them when it admits a machine: its own rights must be enough for that.
 */
export async function startCluster(
  nodes: readonly string[] = [],
): Promise<ApiServer | { readonly missing: string }> {
  const found = await findHyperkube();
  if ("missing" in found) return found;
  const api = await startApiServer(found.path);
  try {
    const { objects } = await renderManifests({ version: "0.0.0", image: "registry.local/operators:test" });
    for (const input of [...baseObjects(), ...objects])
      done(await api.kubectl(["apply", "--server-side", "-f", "-"], { input }));
    await waitFor(async () => (await api.kubectl(["get", "clusternodes,slurmclusters"])).isDone, {
      what: "the custom resources",
      timeoutMs: 30_000,
    });
    for (const node of nodes) {
      for (const input of [clusterNodeObject(node), nodeLeaseObject(node), ...agentAccessObjects(node)])
        done(await api.kubectl(["create", "-f", "-"], { ...asServer, input }));
    }
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
