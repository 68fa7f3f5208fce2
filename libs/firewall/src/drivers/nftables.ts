import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { parseTable, renderRemoval, renderReplacement } from "../nft-json.ts";
import { TABLE, type Ruleset, type Table } from "../ruleset.ts";

/** nftables refused, or is not there. */
export class FirewallError extends Error {
  override readonly name = "FirewallError";
}

/** One table of a machine's packet filter. */
export interface FirewallDriver {
  /** The table; undefined while there is none. */
  observe(): Promise<Ruleset | undefined>;
  /** Puts the rules in the place of the table at one instant. */
  replace(ruleset: Ruleset): Promise<void>;
  /** The table goes; none is no error. */
  remove(): Promise<void>;
}

export interface NftablesOptions {
  /** Default the firewall's. */
  readonly table?: Table;
  /** A network namespace of ip-netns(8) to work in; default this process's own. */
  readonly namespace?: string;
}

/** The kernel's nftables, through `nft`. */
export class Nftables implements FirewallDriver {
  readonly #table: Table;
  readonly #prefix: readonly string[];

  constructor(options: NftablesOptions = {}) {
    this.#table = options.table ?? TABLE;
    this.#prefix = options.namespace === undefined ? [] : ["ip", "netns", "exec", options.namespace];
  }

  async observe(): Promise<Ruleset | undefined> {
    const { family, name } = this.#table;
    const { stdout, exitCode, stderr } = await this.#run("--json", "list", "table", family, name);
    if (exitCode === 0) return parseTable(stdout);
    if (/No such file or directory/.test(stderr)) return undefined;
    throw new FirewallError(`nft cannot list the table ${name}: ${stderr.trim() || NOT_THERE}`);
  }

  replace(ruleset: Ruleset): Promise<void> {
    return this.#load(renderReplacement(this.#table, ruleset));
  }

  remove(): Promise<void> {
    return this.#load(renderRemoval(this.#table));
  }

  /** Through a file of its own: from a pipe, nft takes a part for the whole. */
  async #load(json: string): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), "cluster-os-firewall-"));
    try {
      const path = join(folder, "ruleset.json");
      await writeFile(path, json, { mode: 0o600 });
      const { exitCode, stderr } = await this.#run("--json", "--file", path);
      if (exitCode !== 0)
        throw new FirewallError(
          `nft refused the rules, and nothing was changed: ${stderr.trim() || NOT_THERE}`,
        );
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  async #run(...args: readonly string[]) {
    const [program = "nft", ...words] = [...this.#prefix, "nft", ...args];
    return execa(program, words, { reject: false, stdin: "ignore", timeout: 10_000, env: { LC_ALL: "C" } });
  }
}

const NOT_THERE = "there is no nft on this machine; install the package nftables";
