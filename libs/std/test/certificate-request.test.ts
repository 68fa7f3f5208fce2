import { spawnSync } from "node:child_process";
import { expect } from "chai";
import { bitString, objectIdentifier, sequence, set, smallInteger, utf8String } from "../src/drivers/der.ts";
import { requestCertificate } from "../src/drivers/index.ts";

const SUBJECT = { commonName: "agent:n-aaaaaaaaaa", organizations: ["agents", "others"] };

/** Everything openssl says, on both of its outputs: it tells a wrong signature, and ends with 0. */
function openssl(args: readonly string[], input: string): string {
  const { stdout, stderr } = spawnSync("openssl", args, { input, encoding: "utf8" });
  return `${stdout}${stderr}`;
}

describe("DER", () => {
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
  const cases: readonly { readonly name: string; readonly bytes: Uint8Array; readonly expected: string }[] = [
    { name: "an integer", bytes: smallInteger(0), expected: "020100" },
    { name: "an identifier", bytes: objectIdentifier("2.5.4.3"), expected: "0603550403" },
    {
      name: "an identifier of large numbers",
      bytes: objectIdentifier("1.2.840.10045.4.3.2"),
      expected: "06082a8648ce3d040302",
    },
    { name: "a text", bytes: utf8String("hé"), expected: "0c0368c3a9" },
    { name: "bits", bytes: bitString(Uint8Array.of(0xff)), expected: "030200ff" },
    { name: "a sequence of a set", bytes: sequence(set(smallInteger(1))), expected: "30053103020101" },
    { name: "a length of two bytes", bytes: utf8String("x".repeat(200)).slice(0, 3), expected: "0c81c8" },
    { name: "a length of three bytes", bytes: utf8String("x".repeat(300)).slice(0, 4), expected: "0c82012c" },
  ];
  for (const { name, bytes, expected } of cases) it(name, () => expect(hex(bytes)).to.equal(expected));
});

describe("certificate request", () => {
  it("is what openssl takes for a request in that name, signed by its key", () => {
    const { csrPem } = requestCertificate(SUBJECT);
    const report = openssl(
      ["req", "-verify", "-noout", "-subject", "-nameopt", "multiline,utf8", "-text"],
      csrPem,
    );
    expect(report).to.match(
      /organizationName += agents\s+organizationName += others\s+commonName += agent:n-aaaaaaaaaa/,
    );
    expect(report)
      .to.contain("ecdsa-with-SHA256")
      .and.contain("ASN1 OID: prime256v1")
      .and.contain("Version: 1 (0x0)");
  });

  it("one changed byte, and the signature is wrong", () => {
    const { csrPem } = requestCertificate(SUBJECT);
    const der = Buffer.from(csrPem.replaceAll(/-.*-|\n/g, ""), "base64");
    der.write("X", der.indexOf("agent:n-"));
    const forged = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString("base64")}\n-----END CERTIFICATE REQUEST-----\n`;
    expect(openssl(["req", "-verify", "-noout"], forged)).to.contain("verify failure");
  });

  it("has a new key each time", () => {
    expect(requestCertificate(SUBJECT).csrPem).not.to.equal(requestCertificate(SUBJECT).csrPem);
  });
});
