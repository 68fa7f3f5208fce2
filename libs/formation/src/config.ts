/** All but the first are times in milliseconds. The defaults suit machines on one LAN; tests shorten them. */
export interface FormationConfig {
  /** How many servers genesis names at most. */
  readonly maxServers: number;
  /** Between two beacons of a node that is no member (jittered by a quarter). */
  readonly beaconMs: number;
  /** Between two beacons of a member. */
  readonly memberBeaconMs: number;
  /** A candidate not heard for this long is gone. */
  readonly candidateFreshMs: number;
  /** A machine listens so long for members of a cluster before it has a part in founding one. */
  readonly listenMs: number;
  /** Without `expect`: the view must be unchanged for this long before genesis. */
  readonly stableViewMs: number;
  /** Without `expect`: and for this long when this machine sees no other. */
  readonly aloneMs: number;
  /** A ballot waits this long for the last candidates to answer once a quorum did. */
  readonly quorumPatienceMs: number;
  /** Unanswered ballot messages are sent again after this. */
  readonly ballotResendMs: number;
  /** A ballot that is not decided by then is given up, and tried anew after a random pause. */
  readonly ballotTimeoutMs: number;
  /** Longest random pause before a ballot by a node that is not the first in order. */
  readonly ballotBackoffMs: number;
  /** First pause before an application is repeated, to another member; it doubles to `applicationMaxMs`. */
  readonly applicationMs: number;
  readonly applicationMaxMs: number;
  /** An initialiser that was not seen alive for this long is replaced. */
  readonly initialiserGraceMs: number;
  /** Between two reports of what a server knows of epochs, until the cluster is established. */
  readonly epochReportMs: number;
  /** After a revocation a server makes another ring key this much later: several are then one rotation. */
  readonly ringFollowMs: number;
  /** A staged ring key becomes active once all living members hold it, and after this in any case. */
  readonly ringActivateMs: number;
  /** Older ring keys open messages for so long after a newer one became active here; then they are forgotten. */
  readonly ringRetireMs: number;
  /** First pause before a member that lacks a ring key asks again; it doubles to `ringAskMaxMs`. */
  readonly ringAskMs: number;
  readonly ringAskMaxMs: number;
  /** Changes that need not be on disk before an answer are written this much later, together. */
  readonly lazyPersistMs: number;
}

export const DEFAULT_FORMATION_CONFIG: FormationConfig = {
  maxServers: 5,
  beaconMs: 500,
  memberBeaconMs: 5_000,
  candidateFreshMs: 3_000,
  listenMs: 2_000,
  stableViewMs: 10_000,
  aloneMs: 60_000,
  quorumPatienceMs: 1_000,
  ballotResendMs: 400,
  ballotTimeoutMs: 3_000,
  ballotBackoffMs: 2_000,
  applicationMs: 1_000,
  applicationMaxMs: 15_000,
  initialiserGraceMs: 10_000,
  epochReportMs: 1_000,
  ringFollowMs: 2_000,
  ringActivateMs: 15_000,
  ringRetireMs: 60_000,
  ringAskMs: 500,
  ringAskMaxMs: 5_000,
  lazyPersistMs: 1_000,
};

/**
 * The times in which others have to answer, for machines that are so many times slower than usual hardware: there a ballot
 * that is given up too early is given up every time, and nothing is ever founded. What is sent is sent as often.
 */
export function patientFormation(patience: number): Partial<FormationConfig> {
  if (patience === 1) return {};
  const longer = [
    ...(["candidateFreshMs", "quorumPatienceMs", "ballotResendMs", "ballotTimeoutMs"] as const),
    ...(["ballotBackoffMs", "applicationMs", "initialiserGraceMs"] as const),
  ];
  const { applicationMs, applicationMaxMs } = DEFAULT_FORMATION_CONFIG;
  return {
    ...Object.fromEntries(longer.map((name) => [name, DEFAULT_FORMATION_CONFIG[name] * patience])),
    // No ten times fifteen seconds: an answer that was lost would be missed for minutes.
    applicationMaxMs: Math.max(applicationMaxMs, 2 * applicationMs * patience),
  };
}
