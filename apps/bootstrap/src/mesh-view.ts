import type { NodeId } from "@cluster-os/identity";
import type { AddressPlan, MeshMember } from "@cluster-os/mesh";
import { isMeshKeyProven } from "./mesh-keys.ts";
import type { View } from "./view.ts";

/** The mesh as this machine is to have it. */
export interface MeshView {
  /** Members that announce a WireGuard key without the proof that it is theirs: they are no peers. */
  readonly unproven: readonly NodeId[];
  readonly addressPlan: AddressPlan;
  readonly selfIndex: number;
  readonly peers: readonly MeshMember[];
  /** Indexes of admitted nodes of which nothing was heard yet. */
  readonly unheard: readonly number[];
}

/** Undefined until this machine is a member. A node that has left is no peer; one that failed is, since it may be back. */
export function meshView(
  view: Pick<View, "addressPlan" | "selfIndex" | "roster" | "members">,
  self: NodeId,
): MeshView | undefined {
  const { addressPlan, selfIndex } = view;
  if (!addressPlan || selfIndex === undefined) return undefined;
  const others = view.members().filter(({ member }) => member.nodeId !== self);
  const heard = new Set(others.filter(({ member }) => member.description).map(({ index }) => index));
  const unproven: NodeId[] = [];
  const peers = others.flatMap(({ member, index }) => {
    const { description, address, status } = member;
    if (!description || status === "left") return [];
    const endpoint = endpointOf(address, description.wireguardPort);
    const { wireguardKey, nextWireguardKey, nextWireguardProof } = description;
    if (!isMeshKeyProven(wireguardKey, description.wireguardProof, member.nodeId)) {
      unproven.push(member.nodeId);
      return [];
    }
    const isNextProven =
      nextWireguardKey !== undefined && isMeshKeyProven(nextWireguardKey, nextWireguardProof, member.nodeId);
    return [
      {
        index,
        wireguardKey,
        ...(isNextProven && { nextKey: nextWireguardKey }),
        ...(endpoint !== undefined && { endpoint }),
      },
    ];
  });
  const unheard = view
    .roster()
    .filter(({ index }) => index !== selfIndex && !heard.has(index))
    .map(({ index }) => index);
  return { addressPlan, selfIndex, peers, unheard, unproven };
}

/** Mesh addresses of the other members that are not known to be gone. */
export function meshPeers(view: Pick<View, "members">, self: NodeId): readonly string[] {
  return view
    .members()
    .filter(
      ({ member }) => member.nodeId !== self && (member.status === "alive" || member.status === "suspect"),
    )
    .map(({ meshAddress }) => meshAddress);
}

/** The address of a member's WireGuard: the host its gossip comes from, at its WireGuard port. */
function endpointOf(gossipAddress: string, wireguardPort: number): string | undefined {
  const host = /^(.+):[0-9]+$/.exec(gossipAddress)?.[1];
  return host === undefined ? undefined : `${host}:${wireguardPort}`;
}
