import { z } from "zod";
import type { NodePlacement, ServerAddress } from "../distribution.ts";
import { etcdTiming, PATHS } from "../settings.ts";

/** etcd's answer to a list of its members, by its JSON gateway: 64-bit numbers are decimal strings, defaults are left out. */
export const MemberList = z.object({
  members: z
    .array(
      z.object({
        ID: z.string(),
        name: z.string().default(""),
        peerURLs: z.array(z.string()).default([]),
        clientURLs: z.array(z.string()).default([]),
        isLearner: z.boolean().default(false),
      }),
    )
    .default([]),
});
export type EtcdMember = z.infer<typeof MemberList>["members"][number];

export const MemberStatus = z.object({
  header: z.object({ member_id: z.string() }),
  leader: z.string().default("0"),
  errors: z.array(z.string()).default([]),
});
export type MemberStatus = z.infer<typeof MemberStatus>;

/**
 * The member that runs on a machine. One that was announced but never started has no name yet, so its address counts as
 * well.
 */
export function memberOf(
  members: readonly EtcdMember[],
  machine: { readonly nodeName: string; readonly address: string | undefined },
): EtcdMember | undefined {
  const named = members.find((member) => member.name === machine.nodeName);
  if (named || machine.address === undefined) return named;
  const peer = peerUrl(machine.address);
  return members.find((member) => member.name === "" && member.peerURLs.includes(peer));
}

/** Where members reach a member of etcd. */
export function peerUrl(address: string): string {
  return `https://${address}:2380`;
}

/**
 * etcd's option --initial-cluster for a machine that joins: all members that have started, and itself. An announced
 * member without a name is the machine itself, for there is only ever one.
 */
export function initialCluster(
  members: readonly EtcdMember[],
  self: { readonly nodeName: string; readonly address: string },
): string {
  const named = members.filter((member) => member.name !== "" && member.name !== self.nodeName);
  const pairs = named.flatMap((member) => member.peerURLs.map((url) => `${member.name}=${url}`));
  return [...pairs, `${self.nodeName}=${peerUrl(self.address)}`].join(",");
}

/** Arguments with which a member copies the others' data once: those kubeadm gives it, without an address for clients. */
export function etcdArguments(
  placement: Pick<NodePlacement, "nodeName" | "meshAddress">,
  cluster: string,
  patience = 1,
): readonly string[] {
  const peer = peerUrl(placement.meshAddress);
  const options = {
    name: placement.nodeName,
    "data-dir": PATHS.etcdFolder,
    "initial-cluster": cluster,
    "initial-cluster-state": "existing",
    "initial-advertise-peer-urls": peer,
    "listen-peer-urls": peer,
    "advertise-client-urls": `https://${placement.meshAddress}:2379`,
    "listen-client-urls": "https://127.0.0.1:2379",
    "cert-file": `${PATHS.etcdPki}/server.crt`,
    "key-file": `${PATHS.etcdPki}/server.key`,
    "trusted-ca-file": `${PATHS.etcdPki}/ca.crt`,
    "client-cert-auth": "true",
    "peer-cert-file": `${PATHS.etcdPki}/peer.crt`,
    "peer-key-file": `${PATHS.etcdPki}/peer.key`,
    "peer-trusted-ca-file": `${PATHS.etcdPki}/ca.crt`,
    "peer-client-cert-auth": "true",
    ...etcdTiming(patience),
  };
  return Object.entries(options).map(([name, value]) => `--${name}=${value}`);
}

/** The voter that takes over from `leaving`, if that one leads: any other that is healthy. */
export function successor(
  members: readonly EtcdMember[],
  healthyIds: ReadonlySet<string>,
  leaving: EtcdMember,
): EtcdMember | undefined {
  return members.find((member) => member.ID !== leaving.ID && !member.isLearner && healthyIds.has(member.ID));
}

/** Whether the healthy ones of the voters that are left are a majority of those, once `leaving` is gone. */
export function isMajorityWithout(
  members: readonly EtcdMember[],
  healthyIds: ReadonlySet<string>,
  leaving: EtcdMember,
): boolean {
  const left = members.filter(({ ID, isLearner }) => ID !== leaving.ID && !isLearner);
  return left.filter(({ ID }) => healthyIds.has(ID)).length * 2 > left.length;
}

/** `servers` without one, and with one, without doubles. */
export function withoutServer(servers: readonly ServerAddress[], nodeName: string): readonly ServerAddress[] {
  return servers.filter((server) => server.nodeName !== nodeName);
}

export function withServer(
  servers: readonly ServerAddress[],
  added: ServerAddress,
): readonly ServerAddress[] {
  return [...withoutServer(servers, added.nodeName), added];
}

const SnapshotLine = z.object({ result: z.object({ blob: z.string().default("") }) });

/** One line of etcd's answer to a request for a snapshot: a piece of the file. Throws at anything else. */
export function decodeSnapshotLine(line: string): Uint8Array {
  return Buffer.from(SnapshotLine.parse(JSON.parse(line)).result.blob, "base64");
}
