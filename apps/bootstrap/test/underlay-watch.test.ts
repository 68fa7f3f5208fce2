import { silentLogger } from "@cluster-os/std";
import { expect } from "chai";
import { UnderlayWatch } from "../src/underlay-watch.ts";

describe("a machine that moves on its network", () => {
  it("nudges every peer once, when its addresses changed and not before", async () => {
    let addresses: readonly string[] = ["192.0.2.7", "fe80::7"];
    const nudged: (readonly string[])[] = [];
    let moves = 0;
    const watch = new UnderlayWatch({
      addresses: () => addresses,
      peers: () => ["10.86.0.2", "10.86.0.3"],
      nudge: (peers) => Promise.resolve(void nudged.push(peers)),
      onMoved: () => void (moves += 1),
      logger: silentLogger,
    });
    const rounds = async (next: readonly string[]): Promise<number> => {
      addresses = next;
      for (let round = 0; round < 2; round += 1) await watch.round();
      return nudged.length;
    };
    expect(await rounds(addresses), "at the start").to.equal(0);
    expect(await rounds(["fe80::7", "192.0.2.7"]), "in another order").to.equal(0);
    expect(await rounds(["198.51.100.9", "fe80::7"]), "another lease").to.equal(1);
    expect(await rounds([]), "no cable").to.equal(1);
    expect(await rounds(["fe80::7"]), "another cable").to.equal(2);
    expect(nudged[0]).to.deep.equal(["10.86.0.2", "10.86.0.3"]);
    expect(moves).to.equal(2);
  });
});
