import { expect } from "chai";
import { waitFor } from "@cluster-os/std/drivers";
import type { ReplicaId, Transport } from "../src/index.ts";

/** Two machines, "a" and "b", that reach each other. */
export interface TransportRig extends AsyncDisposable {
  readonly a: Transport;
  readonly b: Transport;
}

interface Heard {
  readonly from: ReplicaId;
  readonly bytes: Uint8Array;
}

function hearingOf(transport: Transport): Heard[] {
  const heard: Heard[] = [];
  transport.listen((from, bytes) => void heard.push({ from, bytes }));
  return heard;
}

/** What every transport does. Messages may be lost, so each is said until it is heard. */
export function describeTransport(name: string, openRig: () => Promise<TransportRig>): void {
  describe(`a transport ${name}`, () => {
    async function said(say: () => void, heard: readonly Heard[]): Promise<Heard> {
      return waitFor(
        () => {
          if (heard.length === 0) say();
          return heard[0];
        },
        { what: "a message", timeoutMs: 30_000 },
      );
    }

    it("carries messages both ways and says from whom", async () => {
      await using rig = await openRig();
      const [atA, atB] = [hearingOf(rig.a), hearingOf(rig.b)];
      const toB = await said(() => rig.a.send("b", Uint8Array.of(1)), atB);
      const toA = await said(() => rig.b.send("a", Uint8Array.of(2)), atA);
      expect([toB.from, [...toB.bytes], toA.from, [...toA.bytes]]).to.deep.equal(["a", [1], "b", [2]]);
    }).timeout(60_000);

    it("carries large ones whole, and keeps their order", async () => {
      await using rig = await openRig();
      const heard = hearingOf(rig.b);
      await said(() => rig.a.send("b", Uint8Array.of(9)), heard);
      const before = heard.length;
      const sizes = [0, 1, 3_000_000, 2, 70_000];
      for (const [at, size] of sizes.entries()) rig.a.send("b", new Uint8Array(size).fill(at));
      await waitFor(() => heard.length >= before + sizes.length, { what: "all of them", timeoutMs: 30_000 });
      const got = heard.slice(-sizes.length);
      expect(got.map(({ bytes }) => bytes.length)).to.deep.equal(sizes);
      expect(got.every(({ bytes }, at) => bytes.every((byte) => byte === at))).to.equal(true);
    }).timeout(60_000);

    it("throws nothing for one that is not there", async () => {
      await using rig = await openRig();
      rig.a.send("nobody", new Uint8Array(10));
    }).timeout(60_000);

    it("lets go of who listens no longer", async () => {
      await using rig = await openRig();
      const wrong: Heard[] = [];
      rig.b.listen((from, bytes) => void wrong.push({ from, bytes }))[Symbol.dispose]();
      await said(() => rig.a.send("b", Uint8Array.of(1)), hearingOf(rig.b));
      expect(wrong).to.deep.equal([]);
    }).timeout(60_000);
  });
}
