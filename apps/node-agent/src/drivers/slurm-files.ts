import { constants } from "node:fs";
import { open, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { readFileIfExists, writeFileAtomic, writeFileIfChanged } from "@cluster-os/std/drivers";
import { JWKS_PATH } from "../slurm/files.ts";

/** Where things of SLURM and munge lie on a machine. */
export const SLURM_PATHS = {
  key: "/etc/munge/munge.key",
  nextKey: "/etc/munge/munge.key.next",
  jwks: JWKS_PATH,
  /** Which of those keys SLURM on this machine has read: digests, a line each, that of the one that signs first. */
  jwksAtWork: "/var/lib/cluster-os/slurm-keys-at-work",
  hosts: "/etc/hosts",
  environment: "/var/lib/cluster-os/slurmd.env",
  controllerEnvironment: "/var/lib/cluster-os/slurmctld.env",
  controller: "/var/lib/slurm/controller",
  /** A configuration that is to be looked at first. */
  candidate: "/var/lib/slurm/controller.next",
  /** StateSaveLocation of slurm.conf, and this machine's copy of it, which is whole at every moment. */
  state: "/var/lib/slurm/slurmctld",
  replica: "/var/lib/cluster-os/replicas/slurmctld",
  /** Where slurm.conf says that the key of the REST API's tokens is. */
  controllerKey: "/var/lib/slurm/jwt_hs256.key",
  /** Environment of slurmrestd's unit: where it listens. */
  restEnvironment: "/var/lib/cluster-os/slurmrestd.env",
  /** Public keys by user; see sshd.conf in the package. */
  sshKeys: "/etc/ssh/authorized_keys.d",
} as const;

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Numbers of a user of the system, for example munge. */
export async function ownerOf(user: string): Promise<Owner> {
  const passwd = (await readFileIfExists("/etc/passwd"))?.toString("utf8") ?? "";
  const [, , uid, gid] =
    passwd
      .split("\n")
      .map((line) => line.split(":"))
      .find(([name]) => name === user) ?? [];
  if (uid === undefined || gid === undefined)
    throw new Error(`there is no user ${user}: install cluster-os-slurm`);
  return { uid: Number(uid), gid: Number(gid) };
}

/** Replaces a secret that only its owner may read: there is no moment at which another could, or at which half is there. */
export async function writeSecret(path: string, content: Uint8Array, user: string): Promise<void> {
  const { uid, gid } = await ownerOf(user);
  const draft = `${path}.draft`;
  await rm(draft, { force: true });
  const file = await open(draft, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o400);
  try {
    await file.chown(uid, gid);
    await file.chmod(0o400);
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
}

/** The files of a folder whose names do not begin with a dot, as texts by name. */
export async function readTexts(folder: string): Promise<Readonly<Record<string, string>>> {
  const names = (await readdir(folder).catch((): string[] => []))
    .filter((name) => !name.startsWith("."))
    .sort();
  const texts = await Promise.all(
    names.map(async (name) => [name, await readFileIfExists(join(folder, name))] as const),
  );
  return Object.fromEntries(texts.flatMap(([name, text]) => (text ? [[name, text.toString("utf8")]] : [])));
}

/** Makes the files of a folder these and no others. */
export async function writeTexts(folder: string, texts: Readonly<Record<string, string>>): Promise<void> {
  for (const name of Object.keys(texts))
    if (!/^[a-z][a-z0-9_.-]*$/.test(name))
      throw new Error(`${JSON.stringify(name)} is no name of a file of SLURM`);
  for (const [name, text] of Object.entries(texts))
    await writeFileIfChanged(join(folder, name), text, { mode: 0o644 });
  for (const name of Object.keys(await readTexts(folder))) if (!(name in texts)) await rm(join(folder, name));
}

const HASH = ".hash";

/** Hash of the configuration that lies in a folder, as {@link writeHash} wrote it. */
export async function readHash(folder: string): Promise<string | undefined> {
  return (await readFileIfExists(join(folder, HASH)))?.toString("utf8").trim();
}

export async function writeHash(folder: string, hash: string): Promise<void> {
  await writeFileAtomic(join(folder, HASH), `${hash}\n`, { mode: 0o644 });
}

const TOKEN_KEY = ".token-key";

/** Digest of the key of tokens that slurmctld has, as {@link writeTokenKeyDigest} wrote it. */
export async function readTokenKeyDigest(folder: string): Promise<string | undefined> {
  return (await readFileIfExists(join(folder, TOKEN_KEY)))?.toString("utf8").trim();
}

export async function writeTokenKeyDigest(folder: string, digest: string): Promise<void> {
  await writeFileAtomic(join(folder, TOKEN_KEY), `${digest}\n`, { mode: 0o600 });
}

/** Public keys of a user, a line each; no file for none. */
export async function writeSshKeys(user: string, keys: readonly string[]): Promise<void> {
  const path = join(SLURM_PATHS.sshKeys, user);
  if (keys.length === 0) await rm(path, { force: true });
  else await writeFileAtomic(path, keys.map((key) => `${key}\n`).join(""), { mode: 0o644 });
}

export async function readSshKeys(user: string): Promise<readonly string[]> {
  const text = (await readFileIfExists(join(SLURM_PATHS.sshKeys, user)))?.toString("utf8") ?? "";
  return text.split("\n").filter((line) => line !== "");
}
