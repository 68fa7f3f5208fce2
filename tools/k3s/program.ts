import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { access, constants } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { execa } from "execa";

/** The release that is packed; the driver in libs/kubernetes is written for it. */
export const K3S_VERSION = "v1.34.3+k3s1";
/** The program's name in the release, and the release's file of checksums. */
const PROGRAM = "k3s";
const CHECKSUMS = `sha256sum-amd64.txt of k3s ${K3S_VERSION} (github.com/k3s-io/k3s, releases)`;

/** The k3s program to pack cannot be had, or is not the one that is pinned. */
export class K3sProgramError extends Error {
  override readonly name = "K3sProgramError";
}

/** Where the program is and what it has to be, as the builder says. */
export interface K3sProgramSource {
  /** K3S_BINARY */
  readonly path: string | undefined;
  /** K3S_SHA256: hexadecimal digits, as in the release's list of checksums. */
  readonly sha256: string | undefined;
}

/**
 * Path of the k3s program of the pinned release, verified. Nothing is downloaded, and no checksum is known here: whoever
 * builds takes both from the release.
 */
export async function k3sProgram({ path, sha256 }: K3sProgramSource): Promise<string> {
  if (path === undefined || path === "") {
    throw new K3sProgramError(
      `set K3S_BINARY to the program "${PROGRAM}" of k3s ${K3S_VERSION} for amd64; it is not downloaded here`,
    );
  }
  if (sha256 === undefined || !/^[0-9a-f]{64}$/.test(sha256)) {
    throw new K3sProgramError(`set K3S_SHA256 to the 64 digits beside "${PROGRAM}" in ${CHECKSUMS}`);
  }
  const actual = await sha256Of(path);
  if (actual !== sha256) {
    throw new K3sProgramError(
      `${path} has the SHA-256 ${actual}, and ought to have ${sha256} (${CHECKSUMS})`,
    );
  }
  await access(path, constants.X_OK).catch((cause: unknown) => {
    throw new K3sProgramError(`${path} is not executable: chmod +x ${path}`, { cause });
  });
  const { stdout } = await execa(path, ["--version"]);
  if (!stdout.includes(K3S_VERSION)) {
    throw new K3sProgramError(`${path} says it is "${stdout.split("\n")[0]}", not ${K3S_VERSION}`);
  }
  return path;
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256");
  try {
    await pipeline(createReadStream(path), hash);
  } catch (cause) {
    throw new K3sProgramError(`${path} (K3S_BINARY) cannot be read`, { cause });
  }
  return hash.digest("hex");
}
