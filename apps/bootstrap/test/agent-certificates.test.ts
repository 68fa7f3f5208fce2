import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { AGENTS_GROUP, agentUser } from "@cluster-os/api";
import { generateIdentity, nodeName } from "@cluster-os/identity";
import { seededRng } from "@cluster-os/std";
import { checkAgentRequest } from "../src/server/agent-certificates.ts";

const { nodeId } = generateIdentity(seededRng(1));
const other = generateIdentity(seededRng(2)).nodeId;

/** A certificate request made by OpenSSL: nothing of ours on the asking side. */
function request(subject: string): string {
  const folder = mkdtempSync(join(tmpdir(), "cluster-os-csr-"));
  try {
    const key = join(folder, "key.pem");
    execFileSync("openssl", ["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key]);
    return execFileSync("openssl", ["req", "-new", "-key", key, "-subj", subject]).toString("utf8");
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe("checkAgentRequest", () => {
  it("accepts the node's own name", () => {
    checkAgentRequest(request(`/O=${AGENTS_GROUP}/CN=${agentUser(nodeName(nodeId))}`), nodeId);
  });

  const refused = {
    "another node's name": `/O=${AGENTS_GROUP}/CN=${agentUser(nodeName(other))}`,
    "the administrators' group": `/O=system:masters/CN=${agentUser(nodeName(nodeId))}`,
    "a second group": `/O=${AGENTS_GROUP}/O=system:masters/CN=${agentUser(nodeName(nodeId))}`,
    "no group": `/CN=${agentUser(nodeName(nodeId))}`,
  };
  for (const [name, subject] of Object.entries(refused)) {
    it(`refuses ${name}`, () => {
      expect(() => checkAgentRequest(request(subject), nodeId)).to.throw("may only ask for");
    });
  }

  it("refuses what is no request", () => {
    expect(() => checkAgentRequest("hello", nodeId)).to.throw("not a PKCS#10");
    const pem = "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----";
    expect(() => checkAgentRequest(pem, nodeId)).to.throw("cannot be parsed");
  });
});
