import { createHash } from "node:crypto";
import { LabError } from "./lab-error.ts";

/** Everything of a lab that has a name on the host. Two labs with different names share nothing. */
export interface LabNames {
  /** The network namespace that holds the bridges. */
  readonly fabric: string;
  /** A machine's network namespace, cgroup and nspawn name. */
  machine(number: number): string;
  /** The number of the machine that a name of this lab belongs to; undefined if it is no machine of this lab. */
  numberOf(name: string): number | undefined;
}

/** Throws a LabError for a name that could be mistaken for another lab's, or not used as a file name. */
export function labNames(lab: string): LabNames {
  if (!/^[a-z][a-z0-9]{0,15}$/.test(lab)) {
    throw new LabError(`"${lab}" is no name for a lab`, {
      hint: "use up to 16 lower-case letters and digits, a letter first",
    });
  }
  const machines = new RegExp(`^cos-${lab}-m([1-9][0-9]*)$`);
  return {
    fabric: `cos-${lab}-fabric`,
    machine: (number) => `cos-${lab}-m${number}`,
    numberOf: (name) => {
      const digits = machines.exec(name)?.[1];
      return digits === undefined ? undefined : Number(digits);
    },
  };
}

/** Whether a network namespace is the fabric of some lab. */
export function isFabric(namespace: string): boolean {
  return /^cos-[a-z][a-z0-9]{0,15}-fabric$/.test(namespace);
}

/**
 * A machine's Ethernet address: the same at every start, as a real card's is, and nobody else's on this host. Locally
 * administered (IEEE 802, bit 1 of the first byte); nothing about the machine's place in a cluster follows from it.
 */
export function hardwareAddress(machineName: string): string {
  const digest = createHash("sha256").update(machineName).digest();
  return [0x02, ...digest.subarray(0, 5)].map((byte) => byte.toString(16).padStart(2, "0")).join(":");
}
