import type { ClusterConfigFile, FirewallReport } from "@cluster-os/api";
import {
  countOf,
  describeRule,
  differences,
  isSameRuleset,
  planFirewall,
  sshPorts,
  type Ruleset,
  type SshFacts,
} from "@cluster-os/firewall";
import type { FirewallDriver } from "@cluster-os/firewall/drivers";
import type { AddressPlan } from "@cluster-os/mesh";
import { describeError, type Logger } from "@cluster-os/std";
import { firewallWish } from "./firewall-wish.ts";

export interface FirewallControllerOptions {
  readonly driver: FirewallDriver;
  /** Where SSH listens at this moment. */
  readonly readSshFacts: () => Promise<SshFacts>;
  /** The given file as bootstrap was started with it. */
  readonly config: ClusterConfigFile;
  /** The given file as it is now: what a report compares with. */
  readonly readConfig: () => Promise<ClusterConfigFile>;
  /** Undefined until this machine is a member. */
  readonly addressPlan: () => AddressPlan | undefined;
  readonly logger: Logger;
}

/** Keeps our table of the packet filter as the given file says, whoever else changed it. */
export class FirewallController {
  readonly #options: FirewallControllerOptions;
  /** What was put in place last, and how nft listed it then: another version of nft may spell it in another way. */
  #placed: { readonly plan: Ruleset; readonly listed: Ruleset | undefined } | undefined;
  #error: string | undefined;

  constructor(options: FirewallControllerOptions) {
    this.#options = options;
  }

  /** Why the rules could not be put in place, the last time that it was tried. */
  get error(): string | undefined {
    return this.#error;
  }

  async round(): Promise<void> {
    try {
      await this.#converge();
      this.#error = undefined;
    } catch (error) {
      this.#error = describeError(error);
      throw error;
    }
  }

  /** Our table goes: this machine is no longer the cluster's. */
  async remove(): Promise<void> {
    await this.#options.driver.remove();
    this.#placed = undefined;
  }

  async report(): Promise<FirewallReport> {
    const { driver, readConfig, readSshFacts } = this.#options;
    const [config, ssh] = [await readConfig(), await readSshFacts()];
    const plan = this.#plan(config, ssh);
    const observed = await driver.observe();
    return {
      mode: config.firewall ?? "on",
      isInPlace: observed !== undefined,
      rules: (observed?.chains ?? []).flatMap(({ name, rules }) =>
        rules.map((rule) => ({ chain: chainOf(name), rule: describeRule(rule), ...countOf(rule) })),
      ),
      changes: this.#isInOrder(observed, plan)
        ? []
        : differences(observed, plan).map((one) => ({ ...one, chain: chainOf(one.chain) })),
      sshPorts: [...sshPorts(ssh)],
      ...(this.#error !== undefined && { error: this.#error }),
    };
  }

  async #converge(): Promise<void> {
    const { driver, config, readSshFacts, logger } = this.#options;
    const plan = this.#plan(config, await readSshFacts());
    const observed = await driver.observe();
    if (this.#isInOrder(observed, plan)) return;
    const changes = differences(observed, plan).map(
      ({ change, chain, rule }) => `${change} ${chain}: ${rule}`,
    );
    if (plan) await driver.replace(plan);
    else await driver.remove();
    this.#placed = plan && { plan, listed: await driver.observe() };
    logger.info("firewall changed", { mode: config.firewall ?? "on", changes });
  }

  #plan(config: ClusterConfigFile, ssh: SshFacts): Ruleset | undefined {
    const wish = firewallWish(config, ssh, this.#options.addressPlan());
    return wish && planFirewall(wish);
  }

  #isInOrder(observed: Ruleset | undefined, plan: Ruleset | undefined): boolean {
    if (isSameRuleset(observed, plan)) return true;
    return (
      this.#placed !== undefined &&
      isSameRuleset(this.#placed.plan, plan) &&
      isSameRuleset(this.#placed.listed, observed)
    );
  }
}

function chainOf(name: string): "input" | "forward" {
  return name === "forward" ? "forward" : "input";
}
