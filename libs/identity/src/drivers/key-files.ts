import { chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Rng } from "@cluster-os/std";
import { readFileIfExists, writeFileAtomic } from "@cluster-os/std/drivers";
import { createPrivateKey, createPublicKey } from "node:crypto";
import {
  agreementKeyFromPrivate,
  generateAgreementKey,
  generateIdentity,
  identityFromSeed,
  type AgreementKey,
  type Identity,
} from "../keys.ts";

/** A key file that is there but cannot be used. It is never overwritten: the message says what to do. */
export class KeyFileError extends Error {
  override readonly name = "KeyFileError";
}

/** A node's three key pairs: who it is, how it is reached privately, how secrets are handed to it. */
export interface NodeKeys {
  readonly identity: Identity;
  readonly wireguard: AgreementKey;
  readonly sealing: AgreementKey;
}

const IDENTITY_FILE = "ed25519.pem";
const WIREGUARD_FILE = "wireguard.key";
const SEALING_FILE = "sealing.key";

/**
 * Reads the keys in `folder` (0700, files 0600), making those that are not there: the first boot. A file that is
 * damaged is refused, because a new key in its place would be a new node.
 */
export async function loadOrCreateKeys(
  folder: string,
  rng: Rng,
): Promise<NodeKeys & { readonly created: boolean }> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
  const known = await readFileIfExists(join(folder, IDENTITY_FILE));
  const identity = known ? parseIdentity(join(folder, IDENTITY_FILE), known) : generateIdentity(rng);
  if (!known) await writeFileAtomic(join(folder, IDENTITY_FILE), identityPem(identity), { mode: 0o600 });
  const wireguard = await loadOrCreateAgreementKey(join(folder, WIREGUARD_FILE), rng);
  const sealing = await loadOrCreateAgreementKey(join(folder, SEALING_FILE), rng);
  return { identity, wireguard, sealing, created: !known };
}

function identityPem(identity: Identity): string {
  return identity.privateKeyObject.export({ format: "pem", type: "pkcs8" }).toString();
}

function parseIdentity(path: string, content: Buffer): Identity {
  try {
    const key = createPrivateKey({ key: content, format: "pem" });
    if (key.asymmetricKeyType !== "ed25519")
      throw new Error(`it holds a key of type ${key.asymmetricKeyType}`);
    createPublicKey(key);
    const der = key.export({ format: "der", type: "pkcs8" });
    return identityFromSeed(new Uint8Array(der.subarray(der.length - 32)));
  } catch (cause) {
    throw new KeyFileError(
      `the identity ${path} is damaged (not an Ed25519 private key in PEM). It is this machine's name, so it is left ` +
        `as it is. Restore it from a backup; or, to make this machine a new node, move the file away and start again`,
      { cause },
    );
  }
}

async function loadOrCreateAgreementKey(path: string, rng: Rng): Promise<AgreementKey> {
  const known = await readFileIfExists(path);
  if (known) {
    const text = known.toString("utf8").trim();
    const raw = Buffer.from(text, "base64");
    if (raw.length !== 32 || raw.toString("base64") !== text) {
      throw new KeyFileError(
        `the key ${path} is damaged (not 32 bytes in base64). Move the file away and start again: a new one is made ` +
          `and announced to the cluster`,
      );
    }
    return agreementKeyFromPrivate(new Uint8Array(raw));
  }
  const made = generateAgreementKey(rng);
  await writeFileAtomic(path, `${Buffer.from(made.privateKey).toString("base64")}\n`, { mode: 0o600 });
  return made;
}
