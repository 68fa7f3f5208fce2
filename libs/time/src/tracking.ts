/** What chrony says of this machine's clock. */
export interface Tracking {
  /** The source it follows; undefined while it follows none. */
  readonly source: string | undefined;
  /** Whether its own clock is what it follows: a server that the others look to. */
  readonly isOwnClock: boolean;
  /** 0 while it follows none. */
  readonly stratum: number;
  /** How far this clock is ahead of the source's, in milliseconds; negative when it is behind. */
  readonly offsetMs: number;
}

/** chrony's reference ID of its own clock, 127.127.1.1. */
const OWN_CLOCK = "7F7F0101";

/** Reads the one line of `chronyc -c tracking`; undefined if it is none. Its fields are those of `chronyc tracking`. */
export function parseTracking(line: string): Tracking | undefined {
  const fields = line.trim().split(",");
  const [referenceId = "", name = "", stratumText = "", , correctionText = ""] = fields;
  const leap = fields[13];
  const stratum = Number(stratumText);
  const correctionS = Number(correctionText);
  if (fields.length !== 14 || !Number.isInteger(stratum) || !Number.isFinite(correctionS)) return undefined;
  const isOwnClock = referenceId === OWN_CLOCK;
  const isLost = leap === "Not synchronised" || stratum === 0;
  return {
    source: isLost || isOwnClock ? undefined : name,
    isOwnClock: isOwnClock && !isLost,
    stratum: isLost ? 0 : stratum,
    // The field is what has to be added to this clock; -0 would read oddly.
    offsetMs: correctionS === 0 ? 0 : -correctionS * 1000,
  };
}
