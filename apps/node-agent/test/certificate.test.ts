import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { agentUser, AGENTS_GROUP } from "@cluster-os/api";
import { seededRng } from "@cluster-os/std";
import { requestCertificate } from "@cluster-os/std/drivers";
import { expect } from "chai";
import fc from "fast-check";
import { checkCertificate } from "../src/access.ts";
import { renewalDelayMs } from "../src/certificate/renewal.ts";

const NODE = "n-aaaaaaaaaa";
const SUBJECT = { commonName: agentUser(NODE), organizations: [AGENTS_GROUP] };

/** Everything openssl says, on both of its outputs: it tells a wrong signature, and ends with 0. */
function openssl(args: readonly string[], input: string): string {
  const { stdout, stderr } = spawnSync("openssl", args, { input, encoding: "utf8" });
  return `${stdout}${stderr}`;
}

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
    const { keyPem } = requestCertificate(SUBJECT);
    checkCertificate(issue(`/O=${AGENTS_GROUP}/CN=${agentUser(NODE)}`, keyPem), NODE, keyPem);
  });

  it("is refused if it is for another agent", () => {
    const { keyPem } = requestCertificate(SUBJECT);
    const other = issue(`/O=${AGENTS_GROUP}/CN=${agentUser("n-other")}`, keyPem);
    expect(() => checkCertificate(other, NODE, keyPem)).to.throw(/is for cluster-os:node:n-other, not for/);
  });

  it("is refused if it is for another key", () => {
    const { keyPem } = requestCertificate(SUBJECT);
    const certificate = issue(`/CN=${agentUser(NODE)}`, requestCertificate(SUBJECT).keyPem);
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
