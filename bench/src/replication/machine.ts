import { join } from "node:path";
import { silentLogger } from "@cluster-os/std";
import { slurmReadingOrder } from "@cluster-os/replication";
import {
  openFolderStore,
  openReplica,
  openTlsTransport,
  type Credentials,
  type Replica,
} from "@cluster-os/replication/drivers";

/** One machine of the measurement: on a loopback address of its own. */
export interface MachineOptions {
  readonly self: string;
  /** Holds the directory as `state`, and the store. */
  readonly folder: string;
  readonly addresses: Readonly<Record<string, { readonly host: string; readonly port: number }>>;
  readonly credentials: Credentials;
}

export async function openMachine({
  self,
  folder,
  addresses,
  credentials,
}: MachineOptions): Promise<Replica> {
  const own = addresses[self];
  if (!own) throw new Error(`${self} has no address`);
  const transport = await openTlsTransport({
    self,
    ...own,
    credentials: () => credentials,
    addressOf: (replica) => addresses[replica],
    replicaOf: ({ commonName }) => commonName,
    logger: silentLogger,
  });
  return openReplica({
    self,
    name: "slurmctld",
    directory: join(folder, "state"),
    order: slurmReadingOrder,
    store: await openFolderStore({ folder: join(folder, "store"), name: "slurmctld" }),
    transport,
    logger: silentLogger,
  });
}
