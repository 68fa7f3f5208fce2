import * as noble from "@noble/ed25519";
import { expect } from "chai";
import fc from "fast-check";
import { fromHex, seededRng, toHex } from "@cluster-os/std";
import {
  generateAgreementKey,
  generateIdentity,
  isSafePublicKey,
  NodeId,
  nodeName,
  openSealed,
  publicKeyOf,
  sealTo,
  SealError,
  signBytes,
  signingKeyFromSeed,
  verifyBytes,
} from "../src/index.ts";

// RFC 8032 section 7.1, tests 1 to 3: secret key, public key, message, signature.
const RFC_8032 = [
  [
    "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    "",
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
  ],
  [
    "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
    "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
    "72",
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
  ],
  [
    "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
    "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
    "af82",
    "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
  ],
] as const;

describe("Ed25519", () => {
  RFC_8032.forEach(([secret, publicKey, message, signature], number) => {
    it(`RFC 8032 test ${number + 1}`, () => {
      const key = signingKeyFromSeed(fromHex(secret));
      expect(toHex(key.publicKey)).to.equal(publicKey);
      expect(toHex(signBytes(key, fromHex(message)))).to.equal(signature);
      expect(verifyBytes(key.publicKey, fromHex(message), fromHex(signature))).to.equal(true);
    });
  });

  it("agrees with @noble/ed25519 on keys and signatures", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.uint8Array(),
        async (seed, message) => {
          const key = signingKeyFromSeed(seed);
          expect(toHex(key.publicKey)).to.equal(toHex(await noble.getPublicKeyAsync(seed)));
          expect(toHex(signBytes(key, message))).to.equal(toHex(await noble.signAsync(message, seed)));
        },
      ),
      { numRuns: 20 },
    );
  });

  it("a malformed key or signature is wrong, not an exception", () => {
    const key = signingKeyFromSeed(new Uint8Array(32).fill(1));
    expect(verifyBytes(new Uint8Array(31), new Uint8Array(), new Uint8Array(64))).to.equal(false);
    expect(verifyBytes(key.publicKey, new Uint8Array(), new Uint8Array(3))).to.equal(false);
    expect(verifyBytes(new Uint8Array(32).fill(255), new Uint8Array(), new Uint8Array(64))).to.equal(false);
  });

  it("refuses keys of small order and points off the curve", () => {
    const identityPoint = "0100000000000000000000000000000000000000000000000000000000000000";
    const orderEight = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa";
    expect(isSafePublicKey(fromHex(identityPoint))).to.equal(false);
    expect(isSafePublicKey(fromHex(orderEight))).to.equal(false);
    expect(isSafePublicKey(new Uint8Array(32).fill(0xff))).to.equal(false);
    expect(isSafePublicKey(fromHex(RFC_8032[0][1]))).to.equal(true);
  });
});

describe("node ID and name", () => {
  const { nodeId, publicKey } = generateIdentity(seededRng(1));

  it("holds the public key", () => expect(publicKeyOf(nodeId)).to.deep.equal(publicKey));
  it("is refused in any other form", () => {
    for (const wrong of ["", "ed25519:", `ed25519:${"A".repeat(64)}`, `rsa:${"a".repeat(64)}`]) {
      expect(NodeId.safeParse(wrong).success).to.equal(false);
    }
  });
  it("has a short name that is a host name, a Kubernetes name and a SLURM name", () => {
    expect(nodeName(nodeId)).to.match(/^n-[a-z2-7]{10}$/);
    expect(nodeName(nodeId)).not.to.equal(nodeName(generateIdentity(seededRng(2)).nodeId));
  });
});

describe("sealed box", () => {
  const rng = seededRng(5);
  const [recipient, other] = [generateAgreementKey(rng), generateAgreementKey(rng)];

  it("opens for its recipient and its purpose only", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (plain) => {
        const sealed = sealTo(recipient.publicKey, plain, "test", rng);
        expect(openSealed(recipient, sealed, "test")).to.deep.equal(plain);
        expect(() => openSealed(other, sealed, "test")).to.throw(SealError);
        expect(() => openSealed(recipient, sealed, "other")).to.throw(SealError);
      }),
      { numRuns: 30 },
    );
  });

  it("refuses every changed byte, and garbage", () => {
    const sealed = sealTo(recipient.publicKey, new Uint8Array([1, 2, 3]), "test", rng);
    for (let at = 0; at < sealed.length; at += 1) {
      const changed = Uint8Array.from(sealed);
      changed[at] = (changed[at] as number) ^ 1;
      expect(() => openSealed(recipient, changed, "test"), `byte ${at}`).to.throw(SealError);
    }
    expect(() => openSealed(recipient, new Uint8Array(48), "test")).to.throw(SealError);
    expect(() => openSealed(recipient, new Uint8Array(5), "test")).to.throw(SealError);
  });
});
