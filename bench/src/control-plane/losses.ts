import type { Machine } from "@cluster-os/lab";
import { waitFor } from "@cluster-os/std/drivers";
import { holderOf, lead, readyNodes, votersOf } from "./observed.ts";
import type { ServerApi } from "./server-api.ts";
import { WriteStream } from "./writes.ts";

/** A cluster in a lab, whoever made it. */
export interface Subject {
  readonly name: string;
  readonly machines: readonly Machine[];
  /** The API as the machines that serve now see it; of those without power, nothing. */
  readonly servers: () => Promise<readonly ServerApi[]>;
  /** Whether somebody takes a lost server's place without a person. */
  readonly heals: boolean;
  /** A Lease of a controller that runs as a pod beside Kubernetes' own. */
  readonly operator?: { readonly namespace: string; readonly lease: string };
}

/** What the loss of the server that led everything cost, in milliseconds since its power was cut. */
export interface Loss {
  /** Longest time without an acknowledged write on another server. */
  readonly silentMs: number;
  /** Until another one leads Kubernetes' controllers. */
  readonly controllersMs: number;
  /** The same of the operator, where the lost machine had its leader. */
  readonly operatorMs?: number;
  /** Until etcd has as many votes again, none of the lost one. */
  readonly votersMs?: number;
}

const WELL_MS = 5 * 60_000;
const CONTROLLERS = { namespace: "kube-system", lease: "kube-controller-manager" };

/** Cuts the power of the server that leads controllers and etcd; gives the machine its power back at the end. */
export async function loseLeader(subject: Subject): Promise<Loss> {
  await allWell(subject);
  const { victim, others } = await leaderOf(subject);
  const user = others[0] ?? fail("there is no other server");
  const operator = await operatorAt(subject, user, victim.node);
  const voters = (await votersOf(user)).size;
  const writes = new WriteStream(user);
  await writes.begin();
  const cutAt = performance.now();
  await victim.machine.kill();
  const since = <T>(what: string, look: () => Promise<T | undefined | false>): Promise<number> =>
    waitFor(look, { what, timeoutMs: WELL_MS, everyMs: 250 }).then(() => performance.now() - cutAt);
  const isElsewhere = async ({ namespace, lease }: typeof CONTROLLERS, before: string): Promise<boolean> => {
    const holder = await holderOf(user, namespace, lease);
    return holder !== undefined && holder !== "" && holder !== before;
  };
  const [controllersMs, operatorMs, votersMs] = await Promise.all([
    since("other controllers", () => isElsewhere(CONTROLLERS, victim.holder)),
    operator && since("another operator", () => isElsewhere(operator, operator.holder)),
    subject.heals
      ? since("as many votes", async () => {
          const now = await votersOf(user);
          return now.size === voters && !now.has(victim.node);
        })
      : undefined,
  ]);
  const silentMs = await writes.end(cutAt);
  await victim.machine.start();
  return {
    silentMs,
    controllersMs,
    ...(operatorMs === undefined ? {} : { operatorMs }),
    ...(votersMs === undefined ? {} : { votersMs }),
  };
}

/** Cuts everybody's power at once and gives it back at once: how long until each node is Ready, in milliseconds. */
export async function cyclePower(subject: Subject): Promise<number> {
  await allWell(subject);
  const { machines } = subject;
  await Promise.all(machines.map((machine) => machine.kill()));
  const [onAt, sinceMs] = [performance.now(), Date.now()];
  await Promise.all(machines.map((machine) => machine.start()));
  await allReady(subject, sinceMs);
  return performance.now() - onAt;
}

/** Asks each server, since one that has just begun is Ready by the word of those that noticed nothing. */
async function allWell(subject: Subject): Promise<void> {
  await waitFor(
    async () => {
      const servers = await subject.servers();
      const isWell = async (server: ServerApi): Promise<boolean> =>
        (await votersOf(server)).size === servers.length &&
        (await readyNodes(server, 0)).length === subject.machines.length;
      return servers.length % 2 === 1 && (await Promise.all(servers.map(isWell))).every(Boolean);
    },
    { what: "a vote and a well API of each server, and all nodes Ready", timeoutMs: WELL_MS, everyMs: 1000 },
  );
}

async function allReady(subject: Subject, sinceMs: number): Promise<void> {
  await waitFor(
    async () => {
      for (const server of await subject.servers())
        if ((await readyNodes(server, sinceMs)).length === subject.machines.length) return true;
      return false;
    },
    { what: "all nodes Ready", timeoutMs: WELL_MS, everyMs: 250 },
  );
}

interface Victim {
  readonly machine: Machine;
  readonly node: string;
  /** As it calls itself in the Lease. */
  readonly holder: string;
}

/** Who leads the controllers, having been made etcd's leader as well. */
async function leaderOf(
  subject: Subject,
): Promise<{ readonly victim: Victim; readonly others: readonly ServerApi[] }> {
  const servers = await subject.servers();
  const holder = await holderOf(servers[0] ?? fail("no server"), CONTROLLERS.namespace, CONTROLLERS.lease);
  if (holder === undefined) return fail("nobody leads the controllers");
  // Kubernetes' own leaders call themselves NODE_UUID (k8s.io/kubernetes, cmd/kube-controller-manager).
  const node = holder.slice(0, holder.lastIndexOf("_"));
  for (const { machine } of servers) {
    if ((await machine.run(["hostname"])).trim() !== node) continue;
    await lead(servers, node);
    return {
      victim: { machine, node, holder },
      others: servers.filter((one) => one.machine.number !== machine.number),
    };
  }
  return fail(`no server is ${node}`);
}

/** The operator's Lease, if the leader is a pod of the node that is to be lost. */
async function operatorAt({ operator }: Subject, api: ServerApi, node: string) {
  if (operator === undefined) return undefined;
  const holder = await holderOf(api, operator.namespace, operator.lease);
  if (holder === undefined) return undefined;
  const path = `/api/v1/namespaces/${operator.namespace}/pods/${holder}`;
  const pod = await api.get<{ readonly spec: { readonly nodeName?: string } }>(path);
  return pod?.spec.nodeName === node ? { ...operator, holder } : undefined;
}

function fail(what: string): never {
  throw new Error(what);
}
