import { copyFile, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { FilePiece, PackageRead } from "@cluster-os/api";
import { decodeCbor, encodeCbor } from "@cluster-os/identity";
import { fetchFile, type Holder } from "../files/fetching.ts";
import { hashOfFile, PIECE_BYTES, readPiece } from "../files/pieces.ts";
import type { PeerApiClient } from "../peer-api/client.ts";
import { openBody, PeerApiError, type PeerHandler } from "../peer-api/protocol.ts";

const READ_TOPIC = "package-read";

export interface PackageStoreOptions {
  readonly folder: string;
  readonly peers: Pick<PeerApiClient, "ask">;
  /** For one piece. */
  readonly signal: () => AbortSignal;
}

/** The package of an upgrade on this machine: under the name of its SHA-256. */
export class PackageStore {
  readonly #options: PackageStoreOptions;

  constructor(options: PackageStoreOptions) {
    this.#options = options;
  }

  /** Gives members what lies here, piece by piece. It is no secret: it is what a person downloaded. */
  get handlers(): Readonly<Record<string, PeerHandler>> {
    return {
      [READ_TOPIC]: async (_from, body) => {
        const { sha256, offset } = openBody(READ_TOPIC, PackageRead, body);
        const path = this.path(sha256);
        const { size } = await stat(path).catch(() => {
          throw new PeerApiError(404, `there is no package ${sha256} here`);
        });
        const bytes = new Uint8Array(await readPiece(path, offset, PIECE_BYTES));
        return encodeCbor({ size, bytes } satisfies FilePiece);
      },
    };
  }

  path(sha256: string): string {
    return join(this.#options.folder, `${sha256}.deb`);
  }

  /** Takes a file in beside others; it may be gone afterwards. Gives its SHA-256, under which it lies here. */
  async take(file: string): Promise<string> {
    const { folder } = this.#options;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const draft = join(folder, "given.draft");
    await copyFile(file, draft);
    await flush(draft);
    const sha256 = hex(await hashOfFile(draft));
    await rename(draft, this.path(sha256));
    return sha256;
  }

  /** Has it here: fetched from one of the holders, unless it lies here whole. Rejects with what each of them said. */
  async get(sha256: string, holders: readonly Holder[]): Promise<string> {
    const path = this.path(sha256);
    if (await isWhole(path, sha256)) return path;
    await rm(path, { force: true });
    await fetchFile({
      what: `package ${sha256}`,
      path,
      holders,
      ask: (holder, offset) => this.#ask(holder, { sha256, offset }),
      verify: async (draft) => {
        if (!(await isWhole(draft, sha256))) throw new Error("what it gave is another file");
      },
    });
    await this.keepOnly(sha256);
    return path;
  }

  async #ask({ nodeId: to, address }: Holder, read: PackageRead): Promise<FilePiece> {
    const { peers, signal } = this.#options;
    const call = { to, address, topic: READ_TOPIC, body: encodeCbor(read), signal: signal() };
    return FilePiece.parse(decodeCbor(await peers.ask(call)));
  }

  /** Removes the packages of earlier upgrades, once nobody is to fetch them any more. */
  async keepOnly(sha256: string): Promise<void> {
    const { folder } = this.#options;
    for (const name of await readdir(folder))
      if (name !== `${sha256}.deb`) await rm(join(folder, name), { force: true });
  }
}

async function isWhole(path: string, sha256: string): Promise<boolean> {
  return hashOfFile(path).then(
    (hash) => hex(hash) === sha256,
    () => false,
  );
}

async function flush(path: string): Promise<void> {
  await using file = await open(path, "r+");
  await file.sync();
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
