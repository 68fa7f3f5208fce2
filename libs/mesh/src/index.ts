/**
 * How the members reach each other: the address plan that follows from the indexes, the WireGuard peers that follow from
 * the members, and the differences between what an interface is and what it should be. Nothing here touches a device;
 * the drivers do.
 */
export {
  AddressPlan,
  chooseAddressPlan,
  dnsAddress,
  MAX_INDEX,
  meshAddress,
  NoAddressPlanError,
  podNetwork,
} from "./address-plan.ts";
export * from "./device.ts";
export { parseEndpoint } from "./endpoint.ts";
export { InMemoryWireGuard } from "./in-memory-wireguard.ts";
export { planRotation, ROTATION_POLICY, type RotationObserved, type RotationPolicy } from "./key-rotation.ts";
export { meshWish, type MeshMember, type MeshWish, type MeshWishInput, type PeerWish } from "./mesh-wish.ts";
export { planDevice } from "./plan-device.ts";
export {
  INNER_NETWORKS,
  isUnderlayInterface,
  meshMtu,
  planLink,
  type LinkAction,
  type LinkRoute,
  type LinkState,
  type LinkWish,
} from "./plan-link.ts";
