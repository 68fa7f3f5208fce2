import { createHmac } from "node:crypto";
import { expect } from "chai";
import { signToken } from "../src/index.ts";

const KEY = new Uint8Array(32).fill(7);
const CLAIMS = { user: "ada", issuedAt: 1_780_000_000, expiresAt: 1_780_003_600 };
const decoded = (part: string): unknown => JSON.parse(Buffer.from(part, "base64url").toString("utf8"));

describe("signToken", () => {
  it("says whose it is and how long it is good, under HMAC-SHA256", () => {
    const [head = "", body = "", signature] = signToken(CLAIMS, KEY).split(".");
    expect(decoded(head)).to.deep.equal({ alg: "HS256", typ: "JWT" });
    expect(decoded(body)).to.deep.equal({ sun: "ada", iat: 1_780_000_000, exp: 1_780_003_600 });
    expect(signature).to.equal(createHmac("sha256", KEY).update(`${head}.${body}`).digest("base64url"));
  });

  it("is the same each time, and another one under another key", () => {
    expect(signToken(CLAIMS, KEY)).to.equal(signToken(CLAIMS, KEY));
    expect(signToken(CLAIMS, new Uint8Array(32))).not.to.equal(signToken(CLAIMS, KEY));
  });
});
