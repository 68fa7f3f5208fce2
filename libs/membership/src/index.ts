/**
 * Who is alive: SWIM (Das, Gupta, Motivala 2002) with Lifeguard's local health (Dadgar, Phillips, Currey 2018), as a core
 * without I/O. It spreads what nodes say of themselves and facts that others have signed; it decides nothing but who is
 * alive.
 */
export {
  defaultMembershipConfig,
  patientMembership,
  plainSwimConfig,
  type MembershipConfig,
} from "./config.ts";
export type { Misconduct, Misdeed } from "./conduct.ts";
export type { MembershipCounters } from "./counters.ts";
export { NodeDescription, type Address, type Member, type MemberStatus } from "./member.ts";
export { Membership } from "./membership.ts";
export type { Fact, MembershipEffect, MembershipInput, MembershipOptions, RingKey } from "./protocol.ts";
export { rehearse } from "./rehearsal.ts";
export { SOUND_RULES, type MembershipRules } from "./rules.ts";
export { MEMBERSHIP_KIND } from "./sealing.ts";
