import { expect } from "chai";
import fc from "fast-check";
import { LineSplitter } from "../src/client/lines.ts";

describe("line splitter", () => {
  it("gives the same lines, however the bytes are cut", () => {
    const line = fc.string({ unit: "grapheme", maxLength: 40 }).map((text) => text.replaceAll("\n", " "));
    const cuts = fc.array(fc.nat(200), { maxLength: 20 });
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), line, cuts, (lines, rest, places) => {
        const bytes = Buffer.from([...lines, rest].join("\n"), "utf8");
        const splitter = new LineSplitter();
        const seen = chunksOf(bytes, places).flatMap((chunk) => splitter.push(chunk));
        expect(seen).to.deep.equal(lines);
        expect(splitter.isInsideLine).to.equal(rest !== "");
      }),
    );
  });
});

function chunksOf(bytes: Buffer, places: readonly number[]): Buffer[] {
  const borders = [0, ...places.map((place) => Math.min(place, bytes.length)), bytes.length].sort(
    (a, b) => a - b,
  );
  return borders.slice(1).map((end, index) => bytes.subarray(borders[index], end));
}
