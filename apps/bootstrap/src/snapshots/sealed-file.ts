import { createCipheriv, createDecipheriv } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { appendFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";
import { deriveKey } from "@cluster-os/identity";
import { utf8, type Rng } from "@cluster-os/std";
import { readPiece } from "../files/pieces.ts";

/** First bytes of the file, so that a later form is told apart. */
const MAGIC = Buffer.from("cluster-os/snapshot/v1\n");
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const CIPHER = "chacha20-poly1305";
const HEAD_BYTES = MAGIC.length + NONCE_BYTES;

/** A snapshot that is damaged, or of another cluster. */
export class SnapshotError extends Error {
  override readonly name = "SnapshotError";
}

/** Every server has this key, and nobody else: it follows from the authority's. */
export function snapshotKey(authoritySeed: Uint8Array, clusterId: string): Uint8Array {
  return deriveKey(authoritySeed, utf8(clusterId), "cluster-os/snapshot/v1");
}

/** Compresses and seals a file into another one (0600), which has its name once it is whole. */
export async function sealFile(from: string, to: string, key: Uint8Array, rng: Rng): Promise<void> {
  const draft = `${to}.draft`;
  const nonce = rng.bytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(MAGIC, { plaintextLength: 0 });
  try {
    await writeFile(draft, Buffer.concat([MAGIC, nonce]), { mode: 0o600 });
    const out = createWriteStream(draft, { flags: "a" });
    await pipeline(createReadStream(from), createGzip({ level: 6 }), cipher, out);
    await appendFile(draft, cipher.getAuthTag(), { flush: true });
    await rename(draft, to);
  } finally {
    await rm(draft, { force: true });
  }
}

/** The reverse. Throws a SnapshotError, and leaves nothing, unless every byte is as it was sealed. */
export async function openFile(from: string, to: string, key: Uint8Array): Promise<void> {
  const draft = `${to}.draft`;
  try {
    await unseal(from, key, createWriteStream(draft, { mode: 0o600, flush: true }));
    await rename(draft, to);
  } finally {
    await rm(draft, { force: true });
  }
}

async function unseal(from: string, key: Uint8Array, out: Writable): Promise<void> {
  const { size } = await stat(from);
  if (size < HEAD_BYTES + TAG_BYTES) throw new SnapshotError(`${from} is no snapshot: it is too short`);
  const head = await readPiece(from, 0, HEAD_BYTES);
  if (!head.subarray(0, MAGIC.length).equals(MAGIC)) throw new SnapshotError(`${from} is no snapshot`);
  const nonce = head.subarray(MAGIC.length);
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(MAGIC, { plaintextLength: 0 });
  decipher.setAuthTag(await readPiece(from, size - TAG_BYTES, TAG_BYTES));
  try {
    const sealed = createReadStream(from, { start: HEAD_BYTES, end: size - TAG_BYTES - 1 });
    await pipeline(sealed, decipher, createGunzip(), out);
  } catch (cause) {
    throw new SnapshotError(`${from} does not open: it is damaged, or of another cluster`, { cause });
  }
}

/** Throws a SnapshotError unless the file would open. Nothing of it is written anywhere. */
export async function verifyFile(path: string, key: Uint8Array): Promise<void> {
  await unseal(path, key, new Writable({ write: (_piece, _encoding, done) => done() }));
}
