import { z } from "zod";
import { invariant } from "@cluster-os/std";
import { formatAddress, formatNetwork, overlaps, parseNetwork, size } from "./cidr.ts";

const Cidr = z.string().refine(isPlainNetwork, "an IPv4 network such as 10.86.0.0/16");

/**
 * The cluster's three networks as CIDRs, fixed at genesis: nothing is ever re-addressed. They do not overlap, and mesh and
 * pods have room for every index.
 */
export const AddressPlan = z
  .object({ mesh: Cidr, pods: Cidr, services: Cidr })
  .refine(
    ({ mesh, pods, services }) => prefix(mesh) <= 20 && prefix(pods) <= 12 && prefix(services) <= 24,
    "an address plan needs a /20 or larger for the mesh, /12 for pods and /24 for services",
  )
  .refine((plan) => !overlapWithin(Object.values(plan)), "the networks of an address plan overlap");
export type AddressPlan = z.infer<typeof AddressPlan>;

/** Each node's pod network has 256 addresses. */
const POD_PREFIX = 24;

/** The highest index: a plan's pods hold 4,096 networks, of which the first and last are not used. */
export const MAX_INDEX = 4094;

// Tried in this order. The first is what the documents show; the others are for sites whose LAN is in the way. The
// shared address space (RFC 6598) comes last, because carriers use it on the outside of routers.
const CANDIDATES: readonly AddressPlan[] = [
  { mesh: "10.86.0.0/16", pods: "10.112.0.0/12", services: "10.87.0.0/16" },
  { mesh: "10.214.0.0/16", pods: "10.224.0.0/12", services: "10.215.0.0/16" },
  { mesh: "172.30.0.0/16", pods: "100.96.0.0/12", services: "172.31.0.0/16" },
  { mesh: "100.86.0.0/16", pods: "100.112.0.0/12", services: "100.87.0.0/16" },
];

/** Every address plan overlaps a network that a machine is on. */
export class NoAddressPlanError extends Error {
  override readonly name = "NoAddressPlanError";
}

/** The first plan none of whose networks overlaps a LAN of any founder (IPv4 CIDRs; others are ignored). */
export function chooseAddressPlan(lanSubnets: readonly string[]): AddressPlan {
  const lans = lanSubnets.filter(isNetwork).map(parseNetwork);
  const isFree = (cidr: string): boolean => !lans.some((lan) => overlaps(lan, parseNetwork(cidr)));
  const plan = CANDIDATES.find((candidate) => Object.values(candidate).every(isFree));
  if (!plan) {
    throw new NoAddressPlanError(
      `every address plan of Cluster-OS overlaps a local network (${[...lanSubnets].sort().join(", ")}). ` +
        `Give the machines smaller networks, or number them outside of 10.0.0.0/8, 172.16.0.0/12 and 100.64.0.0/10`,
    );
  }
  return plan;
}

/** The mesh address of a node, for ever. */
export function meshAddress(plan: AddressPlan, index: number): string {
  requireIndex(index);
  return formatAddress(parseNetwork(plan.mesh).first + index);
}

/** The pod network of a node, as a CIDR, for ever. */
export function podNetwork(plan: AddressPlan, index: number): string {
  requireIndex(index);
  return formatNetwork({
    first: parseNetwork(plan.pods).first + index * size(POD_PREFIX),
    prefix: POD_PREFIX,
  });
}

/** The address of the cluster's own DNS: the tenth of the services, as everywhere in the field. */
export function dnsAddress(plan: AddressPlan): string {
  return formatAddress(parseNetwork(plan.services).first + 10);
}

function requireIndex(index: number): void {
  invariant(
    Number.isInteger(index) && index >= 1 && index <= MAX_INDEX,
    `a node's index is 1 to ${MAX_INDEX}`,
  );
}

function isNetwork(text: string): boolean {
  try {
    parseNetwork(text);
    return true;
  } catch {
    return false;
  }
}

/** Whether it is the CIDR of a network, not of a machine in it. */
function isPlainNetwork(text: string): boolean {
  return isNetwork(text) && formatNetwork(parseNetwork(text)) === text;
}

function prefix(cidr: string): number {
  return isNetwork(cidr) ? parseNetwork(cidr).prefix : Infinity;
}

function overlapWithin(cidrs: readonly string[]): boolean {
  const networks = cidrs.filter(isNetwork).map(parseNetwork);
  return networks.some((one, at) => networks.slice(at + 1).some((other) => overlaps(one, other)));
}
