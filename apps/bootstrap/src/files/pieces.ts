import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, readdir, rm, stat } from "node:fs/promises";
import { dirname, extname, join } from "node:path";

/** How much of a file goes at once: it fits into a request of the peer API with what is around it. */
export const PIECE_BYTES = 48 * 1024;

/** Bytes of a file from an offset; fewer at its end. */
export async function readPiece(path: string, offset: number, length: number): Promise<Buffer> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, offset);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** The file's SHA-256, 32 bytes. */
export async function hashOfFile(path: string): Promise<Uint8Array> {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(path)) hash.update(piece as Buffer);
  return new Uint8Array(hash.digest());
}

/** In bytes; 0 if there is no such file. */
export async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

/** Makes a draft's folder, and lets other drafts of its kind go, to which nobody adds any more. It stays: it is gone on from. */
export async function prepareDraft(draft: string): Promise<void> {
  const folder = dirname(draft);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const file of await readdir(folder)) {
    const other = join(folder, file);
    if (extname(file) === extname(draft) && other !== draft) await rm(other, { force: true });
  }
}
