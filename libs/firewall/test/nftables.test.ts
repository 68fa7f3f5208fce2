import { once } from "node:events";
import { expect } from "chai";
import { differences, isSameRuleset, judge, planFirewall, planRedirect } from "../src/index.ts";
import { FirewallError, Nftables } from "../src/drivers/index.ts";
import { arriving, WISH } from "./fixtures.ts";
import { Surroundings, whyNotHere } from "./namespaces.ts";

const wish = { ...WISH, clusterNetworks: ["10.86.0.0/16", "10.112.0.0/12"] };
const plan = planFirewall(wish);
const SSH = 22;
const [GOSSIP, WIREGUARD, DECLARED, API, KUBELET, OTHER] = [8686, 51_820, 443, 6443, 10_250, 5000];
const ALL = [SSH, GOSSIP, WIREGUARD, DECLARED, API, KUBELET, OTHER];

const obstacle = await whyNotHere();
if (obstacle !== undefined) it(`the kernel's packet filter is not tested here: ${obstacle}`);
else {
  describe("the kernel's packet filter, with sockets on both sides", function () {
    this.timeout(120_000);
    let around: Surroundings;
    let nftables: Nftables;
    const nft = (...words: readonly string[]) => around.run("machine", "nft", ...words);

    /** A connection of the neighbour's that, when it is told to, sends a word and gives what comes back. */
    async function connected(port: number) {
      const script = `exec 3<>/dev/tcp/192.0.2.1/${port}; echo connected; read; echo word >&3; head -n 1 <&3`;
      const call = around.start("neighbour", "bash", "-c", script);
      await once(call.stdout, "data");
      const echo = async (): Promise<string | undefined> => {
        call.stdin.write("go on\n");
        return (await call).stdout.split("\n").at(-1);
      };
      return { echo };
    }

    before(async () => {
      around = await Surroundings.open();
      nftables = new Nftables({ namespace: around.namespace("machine") });
      await around.listen("machine", ALL);
      await around.listen("pod", [OTHER]);
    });
    after(() => around?.[Symbol.asyncDispose]());

    it("has no table of ours to begin with, and removing it is no error", async () => {
      expect(await nftables.observe()).to.equal(undefined);
      await nftables.remove();
      expect(await nftables.observe()).to.equal(undefined);
    });

    it("then is as planned, word for word", async () => {
      await nftables.replace(plan);
      expect(differences(await nftables.observe(), plan)).to.deep.equal([]);
      expect(isSameRuleset(await nftables.observe(), plan)).to.equal(true);
    });

    it("lets the neighbour in to what is open, and to nothing else", async () => {
      const open = ["tcp/22", "tcp/8686", "udp/8686", "udp/51820", "tcp/443"];
      for (const address of ["192.0.2.1", "fd00:db8::1"]) {
        const at = (target: string) => target.replace("/", `/${address}/`);
        const closed = ALL.flatMap((port) => [`tcp/${port}`, `udp/${port}`]).filter(
          (target) => !open.includes(target),
        );
        const answered = await around.probe("neighbour", closed.map(at), open.map(at));
        expect(answered).to.deep.equal(open.map(at).sort());
      }
      await around.run("neighbour", "ping", "-c", "1", "-W", "20", "192.0.2.1");
      await around.run("neighbour", "ping", "-c", "1", "-W", "20", "fd00:db8::1");
    });

    it("keeps the cluster's addresses and the pods from the neighbour, who may only reach SSH there", async () => {
      const targets = [
        "tcp/10.86.0.1/6443",
        "tcp/10.86.0.1/10250",
        "tcp/10.112.1.9/5000",
        "udp/10.112.1.9/5000",
      ];
      const awaited = ["tcp/192.0.2.1/22"];
      expect(await around.probe("neighbour", targets, awaited)).to.deep.equal(awaited);
      const listing = await nft("list", "table", "inet", "cluster_os");
      expect(listing).to.match(
        /oifname .* counter packets [1-9]\d* .* drop comment "pods and mesh from elsewhere"/,
      );
      expect(listing).to.match(/ip daddr .* counter packets [1-9]\d* .* drop/);
    });

    it("lets members and pods reach all, and pods the world", async () => {
      for (const place of ["member", "pod"]) {
        const targets = ["tcp/10.86.0.1/6443", "tcp/10.86.0.1/10250", "udp/10.86.0.1/5000"];
        expect(await around.probe(place, [], targets)).to.deep.equal([...targets].sort());
      }
      expect(await around.probe("member", [], ["tcp/10.112.1.9/5000"])).to.deep.equal([
        "tcp/10.112.1.9/5000",
      ]);
      await around.listen("neighbour", [OTHER]);
      expect(await around.probe("pod", [], ["tcp/192.0.2.9/5000"])).to.deep.equal(["tcp/192.0.2.9/5000"]);
    });

    it("leaves the machine's other networks alone, but for the cluster's addresses", async () => {
      const own = ["tcp/172.17.0.1/5000"];
      expect(await around.probe("container", ["tcp/10.86.0.1/6443"], own)).to.deep.equal(own);
    });

    it("lets a declared port through that a service leads to a pod, and no other", async () => {
      await nft("add", "table", "ip", "services");
      await nft("add", "chain", "ip", "services", "pre", "{ type nat hook prerouting priority dstnat; }");
      for (const port of [443, 444])
        await nft(
          "add",
          "rule",
          "ip",
          "services",
          "pre",
          "ip",
          "daddr",
          "192.0.2.1",
          "tcp",
          "dport",
          String(port),
          "dnat",
          "to",
          "10.112.1.9:5000",
        );
      const answered = await around.probe("neighbour", ["tcp/192.0.2.1/444"], ["tcp/192.0.2.1/443"]);
      expect(answered).to.deep.equal(["tcp/192.0.2.1/443"]);
      await nft("delete", "table", "ip", "services");
    });

    it("keeps everybody else's tables, and mends its own", async () => {
      await nft("add", "table", "inet", "theirs");
      await nft("add", "chain", "inet", "theirs", "in", "{ type filter hook input priority 0; }");
      await nft("add", "rule", "inet", "theirs", "in", "tcp", "dport", "9", "drop");
      const theirs = await nft("list", "table", "inet", "theirs");
      await nft("flush", "chain", "inet", "cluster_os", "input");
      expect(differences(await nftables.observe(), plan)).to.have.length(plan.chains[0]?.rules.length ?? 0);
      await nftables.replace(plan);
      expect(differences(await nftables.observe(), plan)).to.deep.equal([]);
      expect(await nft("list", "table", "inet", "theirs")).to.equal(theirs);
      expect(
        judge(
          await nft("--json", "list", "ruleset"),
          arriving({ destinationPort: 9 }),
          ({ table }) => table === "cluster_os",
        ),
      ).to.deep.equal({ judgement: "drop", table: "inet theirs" });
    });

    it("cuts no SSH when it is put in place, and no connection when a port is no longer declared", async () => {
      await nftables.remove();
      const ssh = await connected(22);
      await nftables.replace(plan);
      expect(await ssh.echo()).to.equal("word");
      const declared = await connected(443);
      await nftables.replace(planFirewall({ ...wish, openPorts: [] }));
      expect(await declared.echo()).to.equal("word");
      const refused = await around.probe("neighbour", ["tcp/192.0.2.1/443"], ["tcp/192.0.2.1/22"]);
      expect(refused).to.deep.equal(["tcp/192.0.2.1/22"]);
    });

    it("changes nothing where it is refused, and says why", async () => {
      const before = await nftables.observe();
      const wrong = { chains: [{ ...plan.chains[0], rules: [{ comment: "x", expr: [{ nonsense: 1 }] }] }] };
      const failure = await nftables
        .replace(wrong as unknown as typeof plan)
        .catch((error: unknown) => error);
      expect(failure).to.be.instanceOf(FirewallError);
      expect(String(failure)).to.include("nothing was changed");
      expect(await nftables.observe()).to.deep.equal(before);
    });

    it("drops nothing when it only observes", async () => {
      await nftables.replace(planFirewall({ ...wish, mode: "observe" }));
      const targets = ["tcp/192.0.2.1/6443", "udp/192.0.2.1/5000", "tcp/10.112.1.9/5000"];
      expect(await around.probe("neighbour", [], targets)).to.deep.equal([...targets].sort());
    });

    it("is gone when it is removed, and theirs is not", async () => {
      await nftables.remove();
      expect(await nftables.observe()).to.equal(undefined);
      expect(await nft("list", "tables")).to.equal("table inet theirs");
    });

    it("a service that moves is reached by its last address, and nothing else is led astray", async () => {
      const table = { family: "ip", name: "moves" } as const;
      const moves = new Nftables({ namespace: around.namespace("machine"), table });
      const [wanderer, lost] = [6817, "10.86.0.77"];
      await around.listen("member", [wanderer, OTHER]);
      for (const { to, other } of [
        { to: "10.86.0.9", other: ["tcp/10.86.0.9/5000"] },
        { to: "10.86.0.1", other: ["tcp/10.86.0.1/5000"] },
      ]) {
        if (to === "10.86.0.1") await around.listen("machine", [wanderer]);
        const redirect = planRedirect({ network: "10.86.0.0/16", port: wanderer, to });
        expect(isSameRuleset(await moves.observe(), redirect)).to.equal(false);
        await moves.replace(redirect);
        expect(differences(await moves.observe(), redirect)).to.deep.equal([]);
        expect(isSameRuleset(await moves.observe(), redirect)).to.equal(true);
        const led = [`tcp/${to}/${wanderer}`, `tcp/${lost}/${wanderer}`, ...other].sort();
        const dead = [`tcp/${lost}/5000`, `udp/${lost}/${wanderer}`, `tcp/192.0.2.9/${wanderer}`];
        expect(await around.probe("machine", dead, led)).to.deep.equal(led);
      }
      await moves.remove();
      expect(await moves.observe()).to.equal(undefined);
      expect(
        await around.probe("machine", [`tcp/${lost}/${wanderer}`], ["tcp/10.86.0.9/5000"]),
      ).to.deep.equal(["tcp/10.86.0.9/5000"]);
    });
  });
}
