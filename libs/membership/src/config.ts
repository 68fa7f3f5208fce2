/** The protocol's times and sizes. The defaults are for a LAN. */
export interface MembershipConfig {
  /** One member is probed in each interval, in milliseconds. */
  readonly probeIntervalMs: number;
  /** Without an answer for so long, others are asked to probe, in milliseconds. */
  readonly probeTimeoutMs: number;
  /** How many others are asked. */
  readonly indirectProbes: number;
  /** The shortest suspicion in a cluster of up to ten, in milliseconds; it grows with log10 of the member count. */
  readonly suspicionMs: number;
  /** A suspicion nobody else shares lasts this many times longer. */
  readonly suspicionMaxFactor: number;
  /** How many others must share a suspicion for it to be as short as it can be. */
  readonly suspicionConfirmations: number;
  /** The local health score is 0 (well) to one less than this; intervals and timeouts grow by the score (Lifeguard). */
  readonly awarenessLimit: number;
  /** News is told again at this interval, in milliseconds, as long as there is any. */
  readonly gossipIntervalMs: number;
  /** What is told for the first time waits only for so long after the last news, in milliseconds: what comes at once goes at once. */
  readonly newsIntervalMs: number;
  /** How many members are told each time. */
  readonly gossipFanout: number;
  /** Failed members are still told news for so long, in milliseconds: it is how they learn that they are held failed. */
  readonly gossipToFailedMs: number;
  /** Each piece of news is sent this many times log10(member count + 1), rounded up. */
  readonly retransmitFactor: number;
  /** Everything is compared with some member at this interval, in milliseconds; longer in clusters above 32. */
  readonly pushPullIntervalMs: number;
  /** An extra comparison comes so long, or half as long again, after a member did or one found something, in milliseconds. */
  readonly joinPushPullMs: number;
  /** Failed members and silent seeds are dialled with delays from the first to the second, in milliseconds. */
  readonly redialInitialMs: number;
  readonly redialMaxMs: number;
  /** Messages are packed up to this size, in bytes; larger ones the driver sends over TCP. */
  readonly datagramBytes: number;
  /** What is more than this is sent in several messages, in bytes; below the four megabytes a driver carries. */
  readonly streamBytes: number;
  /** When a step comes this much later than `wakeAt`, in milliseconds, this machine slept and no time passed. */
  readonly stallMs: number;
}

export const defaultMembershipConfig: MembershipConfig = {
  probeIntervalMs: 1_000,
  probeTimeoutMs: 500,
  indirectProbes: 3,
  suspicionMs: 2_500,
  suspicionMaxFactor: 4,
  suspicionConfirmations: 1,
  awarenessLimit: 8,
  gossipIntervalMs: 200,
  newsIntervalMs: 40,
  gossipFanout: 3,
  gossipToFailedMs: 10_000,
  retransmitFactor: 4,
  pushPullIntervalMs: 30_000,
  joinPushPullMs: 1_000,
  redialInitialMs: 1_000,
  redialMaxMs: 30_000,
  datagramBytes: 1_200,
  streamBytes: 1_048_576,
  stallMs: 500,
};

/**
 * The times in which others have to answer, for machines that are so many times slower than usual hardware: their members are
 * held dead that much later, and alive ones are not. News is told as often.
 */
export function patientMembership(patience: number): Partial<MembershipConfig> {
  if (patience === 1) return {};
  const longer = [
    ...(["probeIntervalMs", "probeTimeoutMs", "suspicionMs", "gossipToFailedMs"] as const),
    ...(["redialInitialMs", "stallMs"] as const),
  ];
  return Object.fromEntries(longer.map((name) => [name, defaultMembershipConfig[name] * patience]));
}

/**
 * SWIM as it was before Lifeguard, to measure what that is good for: no local health, suspicions of one length, and no notice
 * taken of this machine's own stalls. That whoever is accused is told first stays.
 */
export const plainSwimConfig: Partial<MembershipConfig> = {
  awarenessLimit: 1,
  suspicionMaxFactor: 1,
  stallMs: Infinity,
};
