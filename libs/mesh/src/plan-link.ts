import { meshAddress, type AddressPlan } from "./address-plan.ts";

/** A network interface as the kernel reports it. */
export interface LinkState {
  readonly isUp: boolean;
  readonly mtu: number;
  /** IPv4 addresses with prefix length. */
  readonly addresses: readonly string[];
  readonly routes: readonly LinkRoute[];
}

export interface LinkRoute {
  /** CIDR, with prefix length. */
  readonly destination: string;
  /** Source address that the kernel prefers for it. */
  readonly source?: string;
}

export interface LinkWish {
  readonly addressPlan: AddressPlan;
  readonly selfIndex: number;
  readonly mtu: number;
}

export type LinkAction =
  | { readonly kind: "set-mtu"; readonly mtu: number }
  | { readonly kind: "add-address"; readonly address: string }
  | { readonly kind: "remove-address"; readonly address: string }
  | { readonly kind: "set-up" }
  | { readonly kind: "set-route"; readonly destination: string; readonly source: string }
  | { readonly kind: "remove-route"; readonly destination: string };

/**
 * What must be done for the mesh interface to carry the node's own address and the routes to everybody else's; nothing
 * when it is so. The address is a /32 and the routes name it as their source, so that packets to peers, pods and services
 * leave with the mesh address even on a machine without a default route.
 */
export function planLink(observed: LinkState, wish: LinkWish): readonly LinkAction[] {
  const source = meshAddress(wish.addressPlan, wish.selfIndex);
  const address = `${source}/32`;
  const { mesh, pods, services } = wish.addressPlan;
  const destinations = [mesh, pods, services];
  const isRouted = (destination: string): boolean =>
    observed.routes.some((route) => route.destination === destination && route.source === source);
  const actions: LinkAction[] = [];
  if (observed.mtu !== wish.mtu) actions.push({ kind: "set-mtu", mtu: wish.mtu });
  for (const other of observed.addresses.filter((present) => present !== address)) {
    actions.push({ kind: "remove-address", address: other });
  }
  if (!observed.addresses.includes(address)) actions.push({ kind: "add-address", address });
  if (!observed.isUp) actions.push({ kind: "set-up" });
  for (const destination of destinations.filter((network) => !isRouted(network))) {
    actions.push({ kind: "set-route", destination, source });
  }
  for (const { destination } of observed.routes.filter(
    (route) => !destinations.includes(route.destination),
  )) {
    actions.push({ kind: "remove-route", destination });
  }
  return actions;
}

/** Bytes WireGuard adds to a packet on an IPv6 underlay: 40 IPv6, 8 UDP, 32 WireGuard (WireGuard paper, section 5.4.6). */
const OVERHEAD_BYTES = 80;
/** The least MTU of IPv6 (RFC 8200 section 5). */
const LEAST_MTU = 1280;

/** The mesh interface's MTU over underlays of these MTUs: nothing is fragmented on the narrowest of them. */
export function meshMtu(underlayMtus: readonly number[]): number {
  const narrowest = underlayMtus.length === 0 ? 1500 : Math.min(...underlayMtus);
  return Math.max(LEAST_MTU, narrowest - OVERHEAD_BYTES);
}

// Interfaces that are the cluster's, containers' or virtual machines' own, and no way to another machine.
const INNER_INTERFACES =
  /^(lo$|cos[0-9]|cni|veth|docker|podman|br-|kube|flannel|cali|cilium|vxlan|virbr|vnet|lxc|tap|tun|wg|ifb|dummy|nodelocaldns|ip6tnl|sit[0-9]|gre(tap)?[0-9]|ip6gre|erspan)/;

/**
 * Interfaces of networks that are inside the machine and not the cluster's - containers', virtual machines', tunnels' - as
 * beginnings of their names, for whoever writes rules about them. None of them leads to other machines in the sense of
 * {@link isUnderlayInterface}.
 */
export const INNER_NETWORKS: readonly string[] = [
  "br-*",
  "cali*",
  "cilium*",
  "docker*",
  "flannel*",
  "lxc*",
  "podman*",
  "tap*",
  "tun*",
  "veth*",
  "virbr*",
  "vnet*",
  "vxlan*",
  "wg*",
];

/** Whether an interface of this name may lead to other machines. */
export function isUnderlayInterface(name: string): boolean {
  return !INNER_INTERFACES.test(name);
}
