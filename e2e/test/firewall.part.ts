import { FirewallReport } from "@cluster-os/api";
import { waitFor } from "@cluster-os/std/drivers";
import { expect } from "chai";
import { must } from "../src/cluster-os.ts";
import { answerOn, cableAddressOf, give, isAnswered, meshAddressOf } from "../src/firewall.ts";

const PORT = 5000;
const MINUTE_MS = 60_000;

/** The firewall of running machines: part of the scenario that has them. */
export function describeFirewall(): void {
  describe("the firewall", () => {
    const report = async () => FirewallReport.parse(JSON.parse(await must(["firewall", "m1", "-o", "json"])));

    before(() => answerOn("m1", PORT));

    it("is in place on every machine, as planned", async () => {
      for (const machine of ["m1", "m2", "m3"]) {
        expect(await must(["firewall", machine]))
          .to.include("firewall: on\n")
          .and.include("# SSH");
        expect(await must(["firewall", machine, "--dry-run"])).to.include("nothing would change");
      }
    });

    it("keeps a program of a machine from the cable, and not from the mesh", async () => {
      expect(await isAnswered("m2", await meshAddressOf("m1"), PORT)).to.equal(true);
      expect(await isAnswered("m2", await onCable("m1"), PORT)).to.equal(false);
      const refused = (await report()).rules.find(({ rule }) => rule.endsWith("# everything else"));
      expect(refused?.packets).to.be.greaterThan(0);
    });

    it("keeps the cluster's own addresses from the cable: the API answers on the mesh only", async () => {
      const [mesh, cable] = [await meshAddressOf("m1"), await cableAddressOf("m1")];
      const route = ["shell", "m2", "--", "ip", "route"];
      await must([...route, "add", `${mesh}/32`, "via", "inet6", cable, "dev", "eth0"]);
      expect(await isAnswered("m2", mesh, PORT)).to.equal(false);
      await must([...route, "delete", `${mesh}/32`, "dev", "eth0"]);
      expect(await isAnswered("m2", mesh, PORT)).to.equal(true);
    });

    it("shows in a dry run what a declared port would change, and opens it at the next start", async () => {
      await give("m1", `openPorts: ["${PORT}/tcp"]`);
      expect(await must(["firewall", "m1", "--dry-run"])).to.include(`+ input: tcp dport ${PORT} accept`);
      expect(await isAnswered("m2", await onCable("m1"), PORT)).to.equal(false);
      await must(["shell", "m1", "--", "systemctl", "restart", "cluster-os-bootstrap.service"]);
      const address = await onCable("m1");
      await waitFor(() => isAnswered("m2", address, PORT), {
        what: "the declared port",
        timeoutMs: MINUTE_MS,
        everyMs: 500,
      });
    });

    it("comes back when somebody removes it", async () => {
      await must(["shell", "m1", "--", "nft", "delete", "table", "inet", "cluster_os"]);
      await waitFor(async () => (await report()).isInPlace, {
        what: "the table",
        timeoutMs: MINUTE_MS,
        everyMs: 1000,
      });
    });
  });
}

/** As a machine on the same cable has to write it. */
async function onCable(machine: string): Promise<string> {
  return `[${await cableAddressOf(machine)}%eth0]`;
}
