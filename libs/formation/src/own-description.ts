import type { NodeDescription } from "@cluster-os/membership";
import type { Lifecycle, NodeProtocolOptions, OwnDescription } from "./node-protocol-interface.ts";

export interface OwnPart extends Pick<NodeProtocolOptions, "wireguardKey" | "sealing"> {
  readonly ringKeyId: number;
  readonly lifecycle: Lifecycle;
}

/** What this node says of itself: what it was told to say, and what the protocol knows. */
export function wholeDescription(told: OwnDescription, own: OwnPart): NodeDescription {
  const { nextWireguardKey, wireguardProof, nextWireguardProof, ...description } = told;
  return {
    ...description,
    wireguardKey: new Uint8Array(description.wireguardKey ?? own.wireguardKey),
    ...(wireguardProof && { wireguardProof: new Uint8Array(wireguardProof) }),
    ...(nextWireguardKey && { nextWireguardKey: new Uint8Array(nextWireguardKey) }),
    ...(nextWireguardProof && { nextWireguardProof: new Uint8Array(nextWireguardProof) }),
    sealingKey: new Uint8Array(own.sealing.publicKey),
    ringKeyId: own.ringKeyId,
    lifecycle: own.lifecycle,
  };
}
