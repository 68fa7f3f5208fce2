import { expect } from "chai";
import fc from "fast-check";
import { seededRng } from "@cluster-os/std";
import { z } from "zod";
import { generateIdentity, openRecord, RecordError, signRecord, type RecordType } from "../src/index.ts";

const Greeting: RecordType<{ text: string }> = {
  name: "greeting",
  version: 1,
  payload: z.object({ text: z.string() }),
};
const Farewell: RecordType<{ text: string }> = { ...Greeting, name: "farewell" };
const alice = generateIdentity(seededRng(1));
const bob = generateIdentity(seededRng(2));

describe("signed record", () => {
  it("opens to what was signed, by whom", () => {
    const opened = openRecord(Greeting, signRecord(Greeting, { text: "hello" }, alice));
    expect(opened.payload).to.deep.equal({ text: "hello" });
    expect(opened.signer).to.deep.equal(alice.publicKey);
  });

  it("is the same bytes whenever it is made", () => {
    expect(signRecord(Greeting, { text: "x" }, alice)).to.deep.equal(
      signRecord(Greeting, { text: "x" }, alice),
    );
  });

  it("does not pass for another type, version or signer", () => {
    const bytes = signRecord(Greeting, { text: "hello" }, alice);
    expect(() => openRecord(Farewell, bytes)).to.throw(RecordError, "type greeting");
    expect(() => openRecord({ ...Greeting, version: 2 }, bytes)).to.throw(RecordError, "version 1");
    expect(() => openRecord(Greeting, bytes, bob.publicKey)).to.throw(RecordError, "another key");
  });

  it("refuses every change of a byte, and any garbage, with a RecordError", () => {
    const bytes = signRecord(Greeting, { text: "hello" }, alice);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const changed = Uint8Array.from(bytes);
        changed[at] = (changed[at] as number) ^ flip;
        expect(() => openRecord(Greeting, changed)).to.throw(RecordError);
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (garbage) => {
        expect(() => openRecord(Greeting, garbage)).to.throw(RecordError);
      }),
    );
  });
});
