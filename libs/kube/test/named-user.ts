import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import type { ApiServer } from "@cluster-os/tools/api-server";
import type { Connection } from "../src/index.ts";

export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

/** A user of a real API server who may do what the rules say and nothing else: never the administrator. */
export async function connectAs(api: ApiServer, user: string, rules: readonly Rule[]): Promise<Connection> {
  const apiVersion = "rbac.authorization.k8s.io/v1";
  const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: user };
  const subjects = [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: user }];
  const input = [
    { apiVersion, kind: "ClusterRole", metadata: { name: user }, rules },
    { apiVersion, kind: "ClusterRoleBinding", metadata: { name: user }, roleRef, subjects },
  ];
  const granted = await api.kubectl(["apply", "-f", "-"], { input });
  if (!granted.isDone) throw new Error(`cannot grant rights to ${user}: ${granted.stderr}`);
  const folder = await mkdtemp(join(tmpdir(), "named-user-"));
  try {
    const key = join(folder, "key.pem");
    const request = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    const { stdout } = await execa("openssl", [...request, "-keyout", key, "-subj", `/O=testers/CN=${user}`]);
    const cert = await api.signClient(stdout, 3600);
    return {
      server: api.url,
      ca: api.caPem,
      credentials: { cert, key: await readFile(key, "utf8") },
    };
  } finally {
    await rm(folder, { recursive: true });
  }
}
