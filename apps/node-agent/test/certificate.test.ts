import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { agentUser, AGENTS_GROUP } from "@cluster-os/api";
import { seededRng } from "@cluster-os/std";
import { expect } from "chai";
import fc from "fast-check";
import { checkCertificate } from "../src/access.ts";
import {
  bitString,
  objectIdentifier,
  sequence,
  set,
  smallInteger,
  utf8String,
} from "../src/certificate/der.ts";
import { renewalDelayMs } from "../src/certificate/renewal.ts";
import { requestCertificate } from "../src/certificate/request.ts";

const NODE = "n-aaaaaaaaaa";

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
  it("is what openssl takes for a request of this node's agent, signed by its key", () => {
    const { csrPem } = requestCertificate(NODE);
    const report = openssl(
      ["req", "-verify", "-noout", "-subject", "-nameopt", "multiline,utf8", "-text"],
      csrPem,
    );
    expect(report).to.match(
      new RegExp(`organizationName += ${AGENTS_GROUP}\\s+commonName += ${agentUser(NODE)}`),
    );
    expect(report)
      .to.contain("ecdsa-with-SHA256")
      .and.contain("ASN1 OID: prime256v1")
      .and.contain("Version: 1 (0x0)");
  });

  it("one changed byte, and the signature is wrong", () => {
    const { csrPem } = requestCertificate(NODE);
    const der = Buffer.from(csrPem.replaceAll(/-.*-|\n/g, ""), "base64");
    der.write("X", der.indexOf("cluster-os:node:"));
    const forged = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString("base64")}\n-----END CERTIFICATE REQUEST-----\n`;
    expect(openssl(["req", "-verify", "-noout"], forged)).to.contain("verify failure");
  });

  it("has a new key each time", () => {
    expect(requestCertificate(NODE).csrPem).not.to.equal(requestCertificate(NODE).csrPem);
  });
});

describe("certificate", () => {
  let folder: string;
  before(() => (folder = mkdtempSync(join(tmpdir(), "certificate-"))));
  after(() => rmSync(folder, { recursive: true }));

  function issue(subject: string, keyPem: string): string {
    const key = join(folder, "key.pem");
    writeFileSync(key, keyPem, { mode: 0o600 });
    return openssl(["req", "-x509", "-key", key, "-subj", subject, "-days", "1"], "");
  }

  it("is taken if it is for this agent and this key", () => {
    const { keyPem } = requestCertificate(NODE);
    checkCertificate(issue(`/O=${AGENTS_GROUP}/CN=${agentUser(NODE)}`, keyPem), NODE, keyPem);
  });

  it("is refused if it is for another agent", () => {
    const { keyPem } = requestCertificate(NODE);
    const other = issue(`/O=${AGENTS_GROUP}/CN=${agentUser("n-other")}`, keyPem);
    expect(() => checkCertificate(other, NODE, keyPem)).to.throw(/is for cluster-os:node:n-other, not for/);
  });

  it("is refused if it is for another key", () => {
    const { keyPem } = requestCertificate(NODE);
    const certificate = issue(`/CN=${agentUser(NODE)}`, requestCertificate(NODE).keyPem);
    expect(() => checkCertificate(certificate, NODE, keyPem)).to.throw(/another key/);
  });
});

describe("renewal", () => {
  const validity = fc.record({ receivedAt: fc.nat(2 ** 40), lifeMs: fc.nat(3_600_000) });

  it("comes before the end by a third of its life at least, and after more than half of it", () => {
    fc.assert(
      fc.property(validity, fc.nat(), ({ receivedAt, lifeMs }, seed) => {
        const delayMs = renewalDelayMs({ receivedAt, expiresAt: receivedAt + lifeMs }, seededRng(seed));
        expect(delayMs)
          .to.be.at.most(Math.ceil((lifeMs * 2) / 3))
          .and.at.least(Math.floor(lifeMs / 2));
      }),
    );
  });

  it("of a certificate that has ended is due at once", () => {
    expect(renewalDelayMs({ receivedAt: 10, expiresAt: 5 }, seededRng(1))).to.equal(0);
  });
});
