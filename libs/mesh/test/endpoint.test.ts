import { expect } from "chai";
import fc from "fast-check";
import { parseEndpoint } from "../src/index.ts";

describe("endpoint", () => {
  const table: { name: string; text: string; expected: string | undefined }[] = [
    { name: "IPv4", text: "10.0.0.7:51820", expected: "10.0.0.7:51820" },
    { name: "IPv6", text: "[2001:db8::7]:51820", expected: "[2001:db8::7]:51820" },
    {
      name: "link-local IPv6 with its interface",
      text: "[fe80::7%eth0]:51820",
      expected: "[fe80::7%eth0]:51820",
    },
    { name: "another spelling", text: "[FE80:0::0007%eth0]:51820", expected: "[fe80::7%eth0]:51820" },
    { name: "a zone that means nothing", text: "[2001:db8::7%eth0]:51820", expected: "[2001:db8::7]:51820" },
    { name: "IPv4 as a dual socket shows it", text: "[::ffff:10.0.0.7]:51820", expected: "10.0.0.7:51820" },
    { name: "link-local without its interface", text: "[fe80::7]:51820", expected: undefined },
    { name: "a name", text: "node7.example:51820", expected: undefined },
    { name: "no port", text: "10.0.0.7", expected: undefined },
    { name: "port 0", text: "10.0.0.7:0", expected: undefined },
    { name: "a port too high", text: "10.0.0.7:65536", expected: undefined },
    { name: "an octet too high", text: "10.0.0.256:1", expected: undefined },
    { name: "octal", text: "010.0.0.7:1", expected: undefined },
    { name: "IPv6 without brackets", text: "2001:db8::7:51820", expected: undefined },
    { name: "IPv6 that is none", text: "[1::2::3]:1", expected: undefined },
    { name: "a line of its own", text: "10.0.0.7:1\nreplace_peers=true", expected: undefined },
    { name: "a line in the zone", text: "[fe80::7%a\nb=c]:1", expected: undefined },
    { name: "nothing", text: "", expected: undefined },
  ];
  for (const { name, text, expected } of table) {
    it(`${expected === undefined ? "refuses" : "reads"} ${name}`, () => {
      expect(parseEndpoint(text)).to.equal(expected);
    });
  }

  it("reads what it gives as the same, and never gives a line break", () => {
    const text = fc.oneof(
      fc.string(),
      fc.tuple(fc.ipV6(), fc.nat(70_000)).map(([address, port]) => `[${address}]:${port}`),
      fc.tuple(fc.ipV4(), fc.nat(70_000)).map(([address, port]) => `${address}:${port}`),
    );
    fc.assert(
      fc.property(text, (given) => {
        const read = parseEndpoint(given);
        if (read === undefined) return;
        expect(parseEndpoint(read)).to.equal(read);
        expect(read).to.match(/^\S+$/);
      }),
      { numRuns: 1000 },
    );
  });
});
