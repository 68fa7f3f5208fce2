import { describeError } from "@cluster-os/std";
import { waitFor } from "@cluster-os/std/drivers";
import type { JoinServerRequest } from "../distribution.ts";
import { KubernetesError } from "../errors.ts";
import { etcdArguments, initialCluster, memberOf, peerUrl, type EtcdMember } from "../plan/etcd.ts";
import { renderEtcdConfiguration } from "../render/kubeadm.ts";
import { PATHS } from "../settings.ts";
import { kubeadm, type Context } from "./context.ts";
import { Etcd, KUBEADM_ETCD } from "./etcd.ts";
import { withSecretFile } from "./secret-files.ts";
import { installedVersion } from "./version.ts";

const TIMEOUT_MS = 60_000;

/**
 * Adds this machine to etcd: announced as a learner, filled, started, made a voter. Runs beside `kubeadm join`, as soon
 * as that has written keys and manifests.
 *
 * kubeadm's own phase does the same and then waits nine seconds more. A new member publishes its address as an entry of
 * the log and serves clients when it sees that entry come back. But the snapshot by which it gets the log already holds
 * the entry, so it never does, and tries again only after etcd's request time-out (5 s + 2 elections). So the member is
 * filled first, by a process of its own that ends when the snapshot is in; the static pod then finds its data, and
 * publishes at once. All that happens while it has no vote: no quorum depends on it.
 */
export async function joinEtcd(
  context: Context,
  request: JoinServerRequest,
  signal: AbortSignal,
): Promise<void> {
  const { etcd, members } = await firstAnswer(context, request, signal);
  const self = { nodeName: request.nodeName, address: request.meshAddress };
  const old = memberOf(members, self);
  if (old && !old.isLearner) {
    throw new KubernetesError(
      `${self.nodeName} is still listed in etcd from an earlier life; it has to be removed first`,
    );
  }
  await allHealthy(context, etcd, members, old, signal);
  try {
    if (!old) await announce(context, etcd, self, signal);
    const cluster = initialCluster(members, self);
    await fill(context, request, cluster, signal);
    await withSecretFile(
      context,
      "etcd.yaml",
      renderEtcdConfiguration(await installedVersion(context), request, cluster, context.host.patience),
      (path) => kubeadm(context, "etcd", ["init", "phase", "etcd", "local", "--config", path], signal),
    );
    await waitFor(async () => (await etcd.at(KUBEADM_ETCD.url).status(signal)) !== undefined, {
      what: "the local etcd",
      timeoutMs: TIMEOUT_MS * context.host.patience,
      signal,
    });
    await becomeVoter(context, etcd, self, signal);
  } catch (error) {
    await withdrawLearner(context, etcd, self);
    throw error;
  }
}

/** The member list from the first server that answers, as soon as kubeadm has brought the keys to ask with. */
async function firstAnswer(
  context: Context,
  request: JoinServerRequest,
  signal: AbortSignal,
): Promise<{ readonly etcd: Etcd; readonly members: readonly EtcdMember[] }> {
  const urls = request.servers
    .filter(({ nodeName }) => nodeName !== request.nodeName)
    .map(({ address }) => `https://${address}:2379`);
  return waitFor(
    async () => {
      const own = (await hasKeys(context)) ? await Etcd.open(context.host, KUBEADM_ETCD) : undefined;
      for (const url of own ? urls : []) {
        const etcd = (own as Etcd).at(url);
        const members = await etcd.members(signal, 2000).catch(() => undefined);
        if (members) return { etcd, members };
      }
      return undefined;
    },
    {
      what: "keys from kubeadm, and an answer of another server's etcd,",
      timeoutMs: TIMEOUT_MS * context.host.patience,
      everyMs: 50 * context.host.patience,
      signal,
    },
  );
}

/** Whether kubeadm has made all keys: manifests come after them, the scheduler's last. */
async function hasKeys({ host }: Context): Promise<boolean> {
  return (await host.readFile(`${PATHS.manifests}/kube-scheduler.yaml`)) !== undefined;
}

/** A change of members needs the consent of a majority afterwards too, so nobody joins while one is missing. */
async function allHealthy(
  { host }: Context,
  etcd: Etcd,
  members: readonly EtcdMember[],
  except: EtcdMember | undefined,
  signal: AbortSignal,
): Promise<void> {
  for (const member of members) {
    if (member.ID === except?.ID) continue;
    await waitFor(async () => (await etcd.statusOf(member, signal)) !== undefined, {
      what: `an answer of etcd's member ${member.name} (if it is gone for good it has to be removed first), which`,
      timeoutMs: 15_000 * host.patience,
      everyMs: 200 * host.patience,
      signal,
    });
  }
}

/**
 * etcd lets nobody in before all voters have been connected to the asked one for 5 s, so it may refuse although each of them
 * answers: one has just come back.
 */
async function announce(
  { host }: Context,
  etcd: Etcd,
  self: { readonly nodeName: string; readonly address: string },
  signal: AbortSignal,
): Promise<void> {
  let isAsked = false;
  await waitFor(
    async () => {
      // The answer to the call before may have been lost.
      if (isAsked && memberOf(await etcd.members(signal), self)) return true;
      isAsked = true;
      await etcd.addLearner(peerUrl(self.address), signal);
      return true;
    },
    {
      what: "the consent of etcd to a new member",
      timeoutMs: 15_000 * host.patience,
      everyMs: 200 * host.patience,
      signal,
    },
  );
}

/** Runs the member until it has the others' data. */
async function fill(
  context: Context,
  request: JoinServerRequest,
  cluster: string,
  signal: AbortSignal,
): Promise<void> {
  const { host } = context;
  const logPath = `${PATHS.logs}/etcd-join.log`;
  await host.makeFolder(PATHS.etcdFolder, 0o700);
  await host.remove(logPath);
  const args = etcdArguments(request, cluster, context.host.patience);
  const enough = new AbortController();
  const until = AbortSignal.any([signal, enough.signal]);
  const process = host.run({ file: "etcd", args, timeoutMs: TIMEOUT_MS, logPath }, until);
  const ended = process.then(
    ({ exitCode }) => {
      throw new KubernetesError(`etcd ended (${exitCode}) before it had the others' data: see ${logPath}`);
    },
    (error: unknown) => {
      if (!enough.signal.aborted) throw error;
    },
  );
  // A log short enough to come without a snapshot ends with the second.
  const isFilled = waitFor(
    async () =>
      /"msg":"(applied snapshot|ready to serve client requests)"/.test((await host.readFile(logPath)) ?? ""),
    {
      what: `the others' data in etcd (see ${logPath})`,
      timeoutMs: TIMEOUT_MS * host.patience,
      signal: until,
    },
  );
  try {
    await Promise.race([isFilled, ended]);
  } finally {
    enough.abort();
    await process.catch(() => undefined);
  }
  signal.throwIfAborted();
}

async function becomeVoter(
  { host }: Context,
  etcd: Etcd,
  self: { readonly nodeName: string; readonly address: string },
  signal: AbortSignal,
): Promise<void> {
  await waitFor(
    async () => {
      const member = memberOf(await etcd.members(signal), self);
      if (member?.isLearner) await etcd.promote(member, signal);
      return member !== undefined;
    },
    {
      what: "the consent of etcd to a new voter",
      timeoutMs: TIMEOUT_MS * host.patience,
      everyMs: 100 * host.patience,
      signal,
    },
  );
}

/**
 * A learner that did not get through must not stay: etcd has room for one only. One that has its vote after all goes on,
 * for the others need it; it gives that back when it is wiped. Best effort, the act failed anyway.
 */
async function withdrawLearner(
  context: Context,
  etcd: Etcd,
  self: { readonly nodeName: string; readonly address: string },
): Promise<void> {
  const signal = AbortSignal.timeout(5000);
  try {
    const left = memberOf(await etcd.members(signal), self);
    if (left && !left.isLearner) return;
    // Removed first: it may become a voter at this very moment, and by its manifest that is known later.
    if (left) await etcd.remove(left, signal);
    await context.host.remove(`${PATHS.manifests}/etcd.yaml`);
  } catch (error) {
    context.logger.warn("could not withdraw from etcd", { reason: describeError(error) });
  }
}
