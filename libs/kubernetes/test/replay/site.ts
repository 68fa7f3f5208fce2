import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { giveAddress, layCable } from "@cluster-os/lab/cable";
import { execa } from "execa";

/** The one that `layCable` makes, and another. */
const BRIDGES = ["br0", "br1"] as const;

/**
 * Where the machines of one replay stand: a network namespace each, on the first of two bridges that nothing joins. Whoever
 * is moved to the other one hears only those that are there as well.
 */
export class Site {
  /** For data and sockets. */
  readonly folder: string;
  readonly #number: number;

  private constructor(number: number, folder: string) {
    this.#number = number;
    this.folder = folder;
  }

  /** So many, of so many machines each, that know nothing of each other. Only in a process that `runAlone` started. */
  static async lay(count: number, machines: number, folder: string): Promise<readonly Site[]> {
    const sites: Site[] = [];
    for (let number = 1; number <= count; number += 1) {
      const site = new Site(number, join(folder, String(number)));
      await site.clear();
      sites.push(site);
    }
    const ranks = Array.from({ length: machines }, (_, at) => at + 1);
    await layCable(sites.flatMap((site) => ranks.map((rank) => site.namespaceOf(rank))));
    await execa("ip", ["link", "add", BRIDGES[1], "type", "bridge"]);
    await execa("ip", ["link", "set", BRIDGES[1], "up"]);
    for (const site of sites) {
      for (const rank of ranks) await giveAddress(`${site.addressOf(rank)}/16`, site.namespaceOf(rank));
    }
    return sites;
  }

  /** Removes all that was left there. */
  async clear(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
    await mkdir(this.folder, { recursive: true });
  }

  addressOf(rank: number): string {
    return `10.0.${this.#number}.${rank}`;
  }

  namespaceOf(rank: number): string {
    return `s${this.#number}m${rank}`;
  }

  async move(rank: number, group: number): Promise<void> {
    await execa("ip", ["link", "set", this.namespaceOf(rank), "master", BRIDGES[group] as string]);
  }
}
