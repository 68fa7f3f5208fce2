/**
 * From strangers on a LAN to members of one cluster: beacons, genesis by ballot, applications; and which machine begins
 * Kubernetes. NodeProtocol composes it with membership into what one node runs.
 */
export { DEFAULT_FORMATION_CONFIG, patientFormation, type FormationConfig } from "./config.ts";
export { describeDiagnostic, type Diagnostic } from "./diagnostic.ts";
export type { ApplicantView } from "./effect.ts";
export type { Discovery, RevocationDecision } from "./formation-interface.ts";
export { FORMATION_BYTE } from "./frame.ts";
export { joinKeyId } from "./join-key.ts";
export { AUDIT_HEAD_KEY } from "./ledger.ts";
export { NodeProtocol } from "./node-protocol.ts";
export type {
  JoinStage,
  Lifecycle,
  NodeProtocolEffect,
  NodeProtocolInput,
  NodeProtocolOptions,
  NodeProtocolStatus,
  OwnDescription,
  RingKeyStatus,
} from "./node-protocol-interface.ts";
export { SAFE_RULES, type FormationRules } from "./rules.ts";
export { decodeNodeState, encodeNodeState, NodeStateError, type NodeState } from "./state.ts";
