import { X509Certificate } from "node:crypto";
import type { Machine } from "@cluster-os/lab";
import { expect } from "chai";
import { must } from "../src/cluster-os.ts";
import { readySince } from "../src/machines.ts";
import { clusterNodes, isReady } from "../src/nodes.ts";
import { MINUTE_MS, timed } from "../src/scenario.ts";

const CERTIFICATE = "/etc/kubernetes/pki/etcd/peer.crt";
const CONFIG = "/etc/cluster-os/cluster-os.yaml";
/** A third of this is more than kubeadm's year, so that what there is has to be renewed. */
const LIFE_HOURS = 30_000;

/** Certificates of the three servers, which their machines renew by themselves. Everything is at rest. */
export function describeCertificates(servers: () => readonly Machine[]): void {
  it("servers renew their certificates when two thirds of their life are over, one after the other", async function () {
    this.timeout(15 * MINUTE_MS);
    const before = await readySince();
    const processes = await Promise.all(servers().map(processesOf));
    for (const machine of servers()) {
      const config = await machine.run(["cat", CONFIG]);
      await machine.run(["tee", CONFIG], {
        stdin: Buffer.from(`${config}certificateLife: ${LIFE_HOURS}h\n`),
      });
      await machine.run(["systemctl", "restart", "cluster-os-bootstrap"]);
    }
    await timed(
      "all have new ones",
      async () => (await Promise.all(servers().map(hoursLeft))).every((hours) => hours > LIFE_HOURS - 24),
      10 * MINUTE_MS,
    );
    await timed("all through", async () => (await Promise.all(servers().map(isThrough))).every(Boolean));
    for (const [at, machine] of servers().entries()) {
      const now = await processesOf(machine);
      for (const [program, pid] of processes[at] ?? [])
        expect(now.get(program)).to.be.a("string").and.not.equal(pid);
    }
    // Each began, with etcd, after the one before had ended, with the scheduler.
    const turns = (await Promise.all(servers().map(turnOf))).sort((one, other) => one.from - other.from);
    for (const [at, { from }] of turns.slice(1).entries()) expect(from).to.be.above(turns[at]?.to ?? 0);
    await timed("all Ready", async () => (await clusterNodes()).every(isReady));
    expect(await readySince()).to.deep.equal(before);
  });

  it("the audit log tells of it, once of each, and is whole", async () => {
    const renewals = async () => {
      const log = await must(["audit"]);
      return log
        .split("\n")
        .flatMap((line) => /(n-[a-z2-7]{10}) renewed its certificates/.exec(line)?.[1] ?? []);
    };
    await timed("all are entered", async () => (await renewals()).length === servers().length);
    expect(new Set(await renewals())).to.have.property("size", servers().length);
    await must(["audit", "verify"]);
  });

  it("everything goes by the new ones", async () => {
    for (const machine of servers()) {
      const shown = await machine.run([
        ...[
          "openssl",
          "s_client",
          "-connect",
          "127.0.0.1:2379",
          "-CAfile",
          "/etc/kubernetes/pki/etcd/ca.crt",
        ],
        ...["-cert", "/etc/kubernetes/pki/etcd/healthcheck-client.crt"],
        ...["-key", "/etc/kubernetes/pki/etcd/healthcheck-client.key", "-verify_return_error"],
      ]);
      const [pem = ""] = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/.exec(shown) ?? [];
      expect(hoursUntil(new X509Certificate(pem).validTo)).to.be.above(LIFE_HOURS - 24);
      await machine.run(["kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", "get", "--raw=/readyz"]);
    }
  });
}

async function hoursLeft(machine: Machine): Promise<number> {
  const end = await machine.run(["openssl", "x509", "-noout", "-enddate", "-in", CERTIFICATE]);
  return hoursUntil(end.trim().replace("notAfter=", ""));
}

function hoursUntil(date: string): number {
  return (Date.parse(date) - Date.now()) / 3_600_000;
}

/** Process IDs of what is started with certificates. */
async function processesOf(machine: Machine): Promise<ReadonlyMap<string, string>> {
  const programs = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"];
  const ids = programs.map(async (one) => [one, (await machine.run(["pidof", one])).trim()] as const);
  return new Map(await Promise.all(ids));
}

/** What is kept while a renewal is under way is gone. */
async function isThrough(machine: Machine): Promise<boolean> {
  return (await machine.exec(["test", "-e", "/etc/kubernetes/pki/renewal.json"])).exitCode !== 0;
}

/** When a machine's programs were told of their certificates, the first and the last, in seconds since 1970. */
async function turnOf(machine: Machine): Promise<{ readonly from: number; readonly to: number }> {
  const at = async (pod: string): Promise<number> =>
    Number(await machine.run(["stat", "--format=%.3Z", `/etc/kubernetes/manifests/${pod}.yaml`]));
  return { from: await at("etcd"), to: await at("kube-scheduler") };
}
