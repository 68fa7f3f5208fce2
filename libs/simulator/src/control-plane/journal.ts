import type { World } from "./world.ts";

/** What was done about etcd's members, and what of it must not have been. */
export class Journal {
  readonly #world: World;
  readonly acts: Record<string, number> = {};
  readonly trace: string[] = [];
  readonly violations: string[] = [];

  constructor(world: World) {
    this.#world = world;
  }

  /** Something is decided: only one machine at a time may be on its way to become a server. */
  decided(kind: string, reason: string): void {
    const { etcd } = this.#world;
    this.acts[kind] = (this.acts[kind] ?? 0) + 1;
    this.note(`${kind} (${reason})`);
    const joining = etcd.servers.filter((nodeId) => !etcd.voters.includes(nodeId));
    if (joining.length > 1) this.violations.push(`${kind} while another change is under way: ${this.show()}`);
  }

  /** A change of etcd's members. It must not be what costs the majority. */
  change(what: string, act: () => void): void {
    const had = this.#world.hasQuorum;
    act();
    this.note(what);
    if (had && !this.#world.hasQuorum) this.violations.push(`${what} cost the majority: ${this.show()}`);
    if (this.#world.etcd.voters.length === 0) this.violations.push(`${what} left no voter`);
  }

  note(what: string): void {
    this.trace.push(`${this.#world.now / 1_000} s ${what}: ${this.show()}`);
  }

  /** Machines by their ranks; `?` learns, `!` is down. */
  show(): string {
    const { etcd } = this.#world;
    const members = etcd.members.map(({ nodeId, isLearner }) => {
      const one = this.#world.find(nodeId);
      return `${one.rank}${isLearner ? "?" : ""}${this.#world.isUp(one) ? "" : "!"}`;
    });
    const servers = etcd.servers.map((nodeId) => this.#world.find(nodeId).rank);
    return `members ${members.join(" ")}, roles ${etcd.epoch}: ${servers.join(" ")}`;
  }
}
