/**
 * Who may be a member, and who says so: genesis, admission, revocation and established records, the roster that follows
 * from them, and the keys that are handed out with them. All pure; nothing here knows how records travel.
 */
export * from "./audit.ts";
export { describeAuditEvent } from "./audit-words.ts";
export type { Authority } from "./authority.ts";
export * from "./errors.ts";
export { JoinKeyId } from "./fields.ts";
export {
  Founder,
  GenesisPayload,
  clusterIdOf,
  createGenesis,
  openGenesis,
  type Genesis,
  type GenesisRequest,
} from "./genesis.ts";
export { FounderSecrets, openFounderSecrets } from "./founder-secrets.ts";
export * from "./join-key-record.ts";
export { GENESIS_RING_KEY_ID, KeyRing, type RingContents } from "./key-ring.ts";
export * from "./ring-handing.ts";
export * from "./ring-key-record.ts";
export * from "./records.ts";
export * from "./roles-record.ts";
export * from "./roster.ts";
