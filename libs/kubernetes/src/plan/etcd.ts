import { z } from "zod";
import type { ServerAddress } from "../distribution.ts";

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
  const peer = `https://${machine.address}:2380`;
  return members.find((member) => member.name === "" && member.peerURLs.includes(peer));
}

/** The voter that takes over from `leaving`, if that one leads: any other that is healthy. */
export function successor(
  members: readonly EtcdMember[],
  healthyIds: ReadonlySet<string>,
  leaving: EtcdMember,
): EtcdMember | undefined {
  return members.find((member) => member.ID !== leaving.ID && !member.isLearner && healthyIds.has(member.ID));
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
