/** Why messages and parts of them were not acted on, and how many were. They only grow. */
export interface MembershipCounters {
  /** Messages acted on. */
  accepted: number;
  /** Not a membership message at all, or of another version. */
  malformed: number;
  /** Of another cluster. */
  foreign: number;
  /** Sealed under a ring key that this node does not hold: its sender is behind, or this node is. */
  unknownKey: number;
  /** Meant for another node, under another key than its ID says, or tampered with. */
  unopened: number;
  /** Heard before, or from before the sender's last start. */
  replayed: number;
  /** Opened, but not proven to be its sender's. */
  forged: number;
  /** Genuine, but its sender is not admitted (its facts were looked at all the same). */
  unadmitted: number;
  /** Pieces of news that are malformed or not signed by whom they are about. */
  badNews: number;
  /** Facts that were refused by `verifyFact`. */
  badFacts: number;
  /** Pieces of news that were passed over unread, since too much of what their teller said was refused. */
  unread: number;
  /** User messages to nodes whose address is not known. */
  undeliverable: number;
  /**
   * Statements signed with this node's key that this node did not make: the disk was cloned and both copies run, or the
   * boot counter was lost.
   */
  ownKeyElsewhere: number;
  /** How often this node had to say that it is alive. */
  refutations: number;
  /** How often this machine did not run for a while. */
  stalls: number;
}

export function zeroCounters(): MembershipCounters {
  return {
    accepted: 0,
    malformed: 0,
    foreign: 0,
    unknownKey: 0,
    unopened: 0,
    replayed: 0,
    forged: 0,
    unadmitted: 0,
    badNews: 0,
    badFacts: 0,
    unread: 0,
    undeliverable: 0,
    ownKeyElsewhere: 0,
    refutations: 0,
    stalls: 0,
  };
}
