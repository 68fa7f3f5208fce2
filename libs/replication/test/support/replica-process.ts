/**
 * One replica as a process of its own, on a loopback address, over TLS. Told what to do by its parent:
 * {lead: epoch, mayFound}, {burst: jobs} and asked for nothing; tells {listening}, {leading}, {kept: job}.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { silentLogger } from "@cluster-os/std";
import { delay } from "@cluster-os/std/drivers";
import { slurmReadingOrder } from "../../src/index.ts";
import { openFolderStore, openReplica, openTlsTransport, type Credentials } from "../../src/drivers/index.ts";
import { submit } from "./slurm-writer.ts";

export interface ReplicaProcessOptions {
  readonly self: string;
  readonly folder: string;
  readonly addresses: Readonly<Record<string, { readonly host: string; readonly port: number }>>;
  readonly credentials: Credentials;
}

export type Order =
  | { readonly kind: "lead"; readonly epoch: number; readonly mayFound: boolean }
  | { readonly kind: "burst"; readonly from: number };

export type Report =
  | { readonly kind: "listening" }
  | { readonly kind: "leading" }
  /** Every job up to this one is with a majority. */
  | { readonly kind: "kept"; readonly job: number };

const { self, folder, addresses, credentials } = JSON.parse(process.argv[2] ?? "") as ReplicaProcessOptions;
const directory = join(folder, "state");
const tell = (report: Report): void => void process.send?.(report);
const own = addresses[self] ?? { host: "", port: 0 };

await mkdir(directory, { recursive: true });
const transport = await openTlsTransport({
  self,
  ...own,
  credentials: () => credentials,
  addressOf: (replica) => addresses[replica],
  replicaOf: ({ commonName }) => commonName.replace(/^agent:/, ""),
  logger: silentLogger,
});
const store = await openFolderStore({ folder: join(folder, "store"), name: "slurmctld" });
const replica = openReplica({
  self,
  name: "slurmctld",
  directory,
  order: slurmReadingOrder,
  store,
  transport,
  logger: silentLogger,
});
const never = new AbortController().signal;
process.on("disconnect", () => process.exit(0));
process.on("message", (order: Order) => {
  if (order.kind === "burst") return void burst(order.from);
  const { epoch, mayFound } = order;
  void replica
    .lead({ epoch, mayFound, replicas: Object.keys(addresses) }, never)
    .then(() => tell({ kind: "leading" }));
});
tell({ kind: "listening" });

/** Submits without end, and tells now and then what is kept. */
async function burst(from: number): Promise<void> {
  let job = from;
  void (async () => {
    for (;;) {
      const upTo = job - 1;
      await replica.flush(never);
      if (upTo >= from) tell({ kind: "kept", job: upTo });
    }
  })();
  for (; ; job += 1) {
    submit(directory, job, 1);
    await delay(5);
  }
}
