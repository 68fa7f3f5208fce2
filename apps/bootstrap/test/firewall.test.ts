import { differences, planFirewall, type Ruleset, type SshFacts } from "@cluster-os/firewall";
import { silentLogger } from "@cluster-os/std";
import type { ClusterConfigFile } from "@cluster-os/api";
import { chooseAddressPlan } from "@cluster-os/mesh";
import { expect } from "chai";
import { FirewallController } from "../src/firewall/firewall-controller.ts";
import { firewallWish } from "../src/firewall/firewall-wish.ts";

const SSH: SshFacts = { effective: "port 2222\n", configuration: undefined, sockets: undefined };
const PLAN = chooseAddressPlan([]);

/** A packet filter that keeps what it is given, and spells it as another version of nft might. */
class FakeDriver {
  table: Ruleset | undefined;
  writes = 0;
  failure: Error | undefined;
  spell = (ruleset: Ruleset): Ruleset => ruleset;

  observe = () => Promise.resolve(this.table);
  replace = (ruleset: Ruleset) => this.#write(() => (this.table = this.spell(ruleset)));
  remove = () => this.#write(() => (this.table = undefined));

  #write(change: () => void): Promise<void> {
    if (this.failure) return Promise.reject(this.failure);
    this.writes += 1;
    return Promise.resolve(change());
  }
}

function controller(driver: FakeDriver, config: ClusterConfigFile = {}, now: ClusterConfigFile = config) {
  return new FirewallController({
    driver,
    readSshFacts: () => Promise.resolve(SSH),
    config,
    readConfig: () => Promise.resolve(now),
    addressPlan: () => PLAN,
    logger: silentLogger,
  });
}

const rulesOf = (ruleset: Ruleset | undefined) => JSON.stringify(ruleset);

describe("the firewall of a machine", () => {
  it("is on where the given file says nothing, with SSH's own port open and the cluster's networks closed", () => {
    const wish = firewallWish({ openPorts: ["443/tcp", "9000-9010/udp"] }, SSH, PLAN);
    expect(wish).to.deep.include({ mode: "on", sshPorts: [2222], gossipPort: 8686, wireguardPort: 51_820 });
    expect(wish?.clusterNetworks).to.deep.equal([PLAN.mesh, PLAN.pods, PLAN.services]);
    expect(wish?.openPorts).to.deep.equal([
      { protocol: "tcp", first: 443, last: 443 },
      { protocol: "udp", first: 9000, last: 9010 },
    ]);
    expect(firewallWish({ firewall: "off" }, SSH, PLAN)).to.equal(undefined);
  });

  it("is put in place once, and looked at ever after", async () => {
    const driver = new FakeDriver();
    const firewall = controller(driver);
    for (let round = 0; round < 3; round += 1) await firewall.round();
    expect(driver.writes).to.equal(1);
  });

  it("is not written again and again where nft spells it in its own way", async () => {
    const driver = new FakeDriver();
    driver.spell = ({ chains }) => ({
      chains: chains.map((chain) => ({
        ...chain,
        rules: chain.rules.map((rule) => ({ ...rule, comment: `${rule.comment}!` })),
      })),
    });
    const firewall = controller(driver);
    for (let round = 0; round < 3; round += 1) await firewall.round();
    expect(driver.writes).to.equal(1);
    expect((await firewall.report()).changes).to.deep.equal([]);
  });

  it("comes back when somebody removed it, or a rule of it", async () => {
    const driver = new FakeDriver();
    const firewall = controller(driver);
    await firewall.round();
    const whole = rulesOf(driver.table);
    for (const change of [undefined, { chains: [] }, { chains: (driver.table?.chains ?? []).slice(1) }]) {
      driver.table = change;
      await firewall.round();
      expect(rulesOf(driver.table)).to.equal(whole);
    }
  });

  it("goes where it is switched off, and when the machine leaves", async () => {
    const driver = new FakeDriver();
    await controller(driver).round();
    await controller(driver, { firewall: "off" }).round();
    expect(driver.table).to.equal(undefined);
    const firewall = controller(driver);
    await firewall.round();
    await firewall.remove();
    expect(driver.table).to.equal(undefined);
  });

  it("reports what the given file would change, and changes nothing for it", async () => {
    const driver = new FakeDriver();
    const firewall = controller(driver, {}, { openPorts: ["443/tcp"] });
    await firewall.round();
    const report = await firewall.report();
    expect(report).to.deep.include({ mode: "on", isInPlace: true, sshPorts: [2222] });
    expect(report.changes.map(({ change, chain, rule }) => `${change} ${chain} ${rule}`)).to.deep.equal([
      "add input tcp dport 443 accept  # declared in openPorts",
      "add forward ct status dnat protocol tcp asked for 443 accept  # declared in openPorts",
    ]);
    expect(report.rules.filter(({ packets }) => packets !== undefined)).to.have.length(3);
    expect(driver.writes).to.equal(1);
  });

  it("says why it is not in place, until it is", async () => {
    const driver = new FakeDriver();
    const firewall = controller(driver);
    driver.failure = new Error("there is no nft");
    const failure = await firewall.round().catch((error: unknown) => error);
    expect(failure).to.equal(driver.failure);
    expect(firewall.error).to.include("there is no nft");
    expect((await firewall.report()).error).to.include("there is no nft");
    driver.failure = undefined;
    await firewall.round();
    expect(firewall.error).to.equal(undefined);
    const wish = firewallWish({}, SSH, PLAN);
    expect(differences(driver.table, wish && planFirewall(wish))).to.deep.equal([]);
  });
});
