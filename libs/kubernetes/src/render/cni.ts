import type { NodePlacement } from "../distribution.ts";

/**
 * How pods of this machine get onto the network: a bridge that owns the node's pod network. The mesh carries the rest
 * natively, so nothing is encapsulated a second time and no address is translated between pods.
 */
export function renderCniConfig(placement: Pick<NodePlacement, "podNetwork" | "meshMtu">): string {
  const conflist = {
    cniVersion: "1.0.0",
    name: "cluster-os",
    plugins: [
      {
        type: "bridge",
        bridge: "cni0",
        isGateway: true,
        ipMasq: false,
        hairpinMode: true,
        mtu: placement.meshMtu,
        ipam: {
          type: "host-local",
          ranges: [[{ subnet: placement.podNetwork }]],
          routes: [{ dst: "0.0.0.0/0" }],
          // Gone with the pods when the machine loses power: no address leaks.
          dataDir: "/run/cni-ipam",
        },
      },
      { type: "portmap", capabilities: { portMappings: true } },
    ],
  };
  return `${JSON.stringify(conflist, undefined, 2)}\n`;
}
