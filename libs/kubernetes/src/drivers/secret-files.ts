import { randomInteger, toHex, type Rng } from "@cluster-os/std";
import { RUN_FOLDER } from "../settings.ts";
import type { Context } from "./context.ts";

/** Hands out the path of a file that exists only while `use` runs, readable by root alone. */
export async function withSecretFile<T>(
  { host }: Context,
  name: string,
  content: string,
  use: (path: string) => Promise<T>,
): Promise<T> {
  const path = `${RUN_FOLDER}/${name}`;
  await host.makeFolder(RUN_FOLDER, 0o700);
  await host.writeFile(path, content, 0o600);
  try {
    return await use(path);
  } finally {
    await host.remove(path);
  }
}

/** A new bootstrap token: six characters that name it and sixteen that are secret. */
export function bootstrapToken(rng: Rng): string {
  const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789";
  const characters = Array.from({ length: 22 }, () =>
    alphabet.charAt(randomInteger(rng, alphabet.length)),
  ).join("");
  return `${characters.slice(0, 6)}.${characters.slice(6)}`;
}

/** A new key for the certificates that wait in the cluster for a server's join. */
export function certificateKey(rng: Rng): string {
  return toHex(rng.bytes(32));
}
