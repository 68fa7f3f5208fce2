import { compareText } from "@cluster-os/std";
import { hardwareAddress, type LabNames } from "./names.ts";

/** A machine's end of its cable in the fabric. */
export interface Port {
  readonly machine: number;
  /** The bridge it is attached to. */
  readonly bridge: string | undefined;
  readonly isUp: boolean;
}

/** What of a lab's network exists. */
export interface FabricState {
  /** Network namespaces of this host. */
  readonly namespaces: readonly string[];
  /** Bridges in the fabric. */
  readonly bridges: readonly string[];
  readonly ports: readonly Port[];
}

export interface FabricWish {
  /** Machines with a network, running or about to. */
  readonly machines: readonly number[];
  /** Machines that see each other; those in no group are together in one more. */
  readonly groups: readonly (readonly number[])[];
  readonly unplugged: readonly number[];
}

export type FabricAction =
  | { readonly kind: "add-namespace"; readonly namespace: string }
  | { readonly kind: "add-bridge"; readonly bridge: string }
  | {
      readonly kind: "add-cable";
      readonly machine: number;
      readonly namespace: string;
      readonly address: string;
    }
  | { readonly kind: "remove-cable"; readonly machine: number }
  | { readonly kind: "attach"; readonly machine: number; readonly bridge: string }
  | { readonly kind: "switch"; readonly machine: number; readonly isUp: boolean }
  | { readonly kind: "remove-bridge"; readonly bridge: string }
  | { readonly kind: "remove-namespace"; readonly namespace: string };

/** The bridge of those that are in no group; the groups' bridges count from 1. */
const COMMON_BRIDGE = "br0";

/**
 * What has to be done so that exactly the wished machines have a cable, on the bridge of their group. A fabric has no
 * address and no uplink. An empty plan means that it is so.
 */
export function planFabric(names: LabNames, observed: FabricState, wish: FabricWish): FabricAction[] {
  const bridgeOf = (machine: number): string => {
    const group = wish.groups.findIndex((members) => members.includes(machine));
    return group < 0 ? COMMON_BRIDGE : `br${group + 1}`;
  };
  const bridges = [...new Set([COMMON_BRIDGE, ...wish.machines.map(bridgeOf)])].sort(compareText);
  const hasFabric = observed.namespaces.includes(names.fabric);
  const actions: FabricAction[] = [];

  if (!hasFabric) actions.push({ kind: "add-namespace", namespace: names.fabric });
  for (const bridge of bridges) {
    if (!hasFabric || !observed.bridges.includes(bridge)) actions.push({ kind: "add-bridge", bridge });
  }
  for (const machine of wish.machines) {
    const namespace = names.machine(machine);
    const port = hasFabric ? observed.ports.find((one) => one.machine === machine) : undefined;
    const hasNamespace = observed.namespaces.includes(namespace);
    if (!hasNamespace) {
      // The kernel takes a removed namespace apart in its own time: its cable may still be there.
      if (port !== undefined) actions.push({ kind: "remove-cable", machine });
      actions.push({ kind: "add-namespace", namespace });
    }
    const isNew = !hasNamespace || port === undefined;
    if (isNew) actions.push({ kind: "add-cable", machine, namespace, address: hardwareAddress(namespace) });
    if (isNew || port.bridge !== bridgeOf(machine))
      actions.push({ kind: "attach", machine, bridge: bridgeOf(machine) });
    const isUp = !wish.unplugged.includes(machine);
    if (isNew || port.isUp !== isUp) actions.push({ kind: "switch", machine, isUp });
  }
  for (const { machine } of hasFabric ? observed.ports : []) {
    if (!wish.machines.includes(machine)) actions.push({ kind: "remove-cable", machine });
  }
  for (const namespace of observed.namespaces) {
    const machine = names.numberOf(namespace);
    if (machine !== undefined && !wish.machines.includes(machine))
      actions.push({ kind: "remove-namespace", namespace });
  }
  for (const bridge of hasFabric ? observed.bridges : []) {
    if (!bridges.includes(bridge)) actions.push({ kind: "remove-bridge", bridge });
  }
  return actions;
}
