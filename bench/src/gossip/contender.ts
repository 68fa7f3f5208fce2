/** What one member was heard to say of another. */
export interface Sighting {
  /** The other's number, from 1. */
  readonly subject: number;
  readonly isAlive: boolean;
}

/** One member of a group that is measured: a process in a network namespace with an address of its own. */
export interface Seat {
  /** From 1. */
  readonly number: number;
  /** In 10.0.0.0/16. */
  readonly address: string;
  /** A folder of its own, empty. */
  readonly folder: string;
  /** Of each group another one. */
  readonly seed: number;
  /** How many members the group has. */
  readonly size: number;
}

/** A gossip implementation, as a process that writes what it sees to its standard output, a line each. */
export interface Contender {
  readonly name: string;
  /** The command of a member that knows nobody yet. */
  command(seat: Seat): Promise<readonly string[]>;
  /** Whether this line says that it can be told to join. */
  isReady(line: string): boolean;
  /** What this line says of another member; undefined if nothing. */
  read(line: string): Sighting | undefined;
  /** Tells members, all at once, to join the group of the one at this address. It resolves when they were told. */
  join(members: readonly Told[], seed: string): Promise<void>;
}

/** A member that can be told something. */
export interface Told {
  readonly seat: Seat;
  /** Writes a line to its standard input. */
  tell(line: string): void;
}

export function addressOf(number: number): string {
  return `10.0.${number >> 8}.${number & 255}`;
}
