import type { ClusterConfigFile } from "@cluster-os/api";
import { parsePortRange, sshPorts, type FirewallWish, type SshFacts } from "@cluster-os/firewall";
import { INNER_NETWORKS, type AddressPlan } from "@cluster-os/mesh";
import { DEFAULT_GOSSIP_PORT, DEFAULT_WIREGUARD_PORT } from "../description.ts";
import { MESH_INTERFACE } from "../mesh-interface.ts";

/** The bridge of this machine's pods, as both distributions of Kubernetes have it made. */
const POD_INTERFACE = "cni0";

/** What the given file and the machine make of the firewall; undefined where it is switched off. */
export function firewallWish(
  config: ClusterConfigFile,
  ssh: SshFacts,
  addressPlan: AddressPlan | undefined,
): FirewallWish | undefined {
  const mode = config.firewall ?? "on";
  if (mode === "off") return undefined;
  return {
    mode,
    gossipPort: config.gossipPort ?? DEFAULT_GOSSIP_PORT,
    wireguardPort: config.wireguardPort ?? DEFAULT_WIREGUARD_PORT,
    sshPorts: sshPorts(ssh),
    openPorts: (config.openPorts ?? []).flatMap((text) => parsePortRange(text) ?? []),
    clusterInterfaces: [MESH_INTERFACE, POD_INTERFACE],
    innerInterfaces: INNER_NETWORKS,
    clusterNetworks: addressPlan ? [addressPlan.mesh, addressPlan.pods, addressPlan.services] : [],
  };
}
