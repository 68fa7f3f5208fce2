import { existsSync } from "node:fs";
import { join } from "node:path";
import { AGENTS_GROUP, agentUser, SLURM_STATE_PORT } from "@cluster-os/api";
import { PROMISE_FILE, slurmReadingOrder, type Nomination } from "@cluster-os/replication";
import {
  openFolderStore,
  openReplica,
  openTlsTransport,
  type CertificateSubject,
  type Replica,
  type TlsTransportOptions,
} from "@cluster-os/replication/drivers";
import { describeError, invariant } from "@cluster-os/std";
import type { StateSurroundings } from "../agent.ts";
import type { SlurmState, StateObserved } from "../slurm/state.ts";
import { ownerOf, SLURM_PATHS, type Owner } from "./slurm-files.ts";

/** Part of every snapshot: which directory it is of. */
const NAME = "slurmctld";

export interface SlurmStateOptions extends StateSurroundings {
  /** slurmctld's own directory, and where the copy is. */
  readonly directory: string;
  readonly store: string;
  readonly port: number;
  /** Whose the files of slurmctld's directory are. */
  readonly owner: () => Promise<Owner>;
}

/** This machine's copy of what slurmctld saves, where the package has put it. */
export function openSlurmState(surroundings: StateSurroundings): SlurmState {
  return new ReplicatedState({
    ...surroundings,
    directory: SLURM_PATHS.state,
    store: SLURM_PATHS.replica,
    port: SLURM_STATE_PORT,
    owner: () => ownerOf("slurm"),
  });
}

/** A replica over TLS between node-agents, which is opened once there is something to keep. */
export class ReplicatedState implements SlurmState {
  readonly #options: SlurmStateOptions;
  readonly #ending = new AbortController();
  readonly #opened = new AsyncDisposableStack();
  #replica: Replica | undefined;
  #wished: readonly string[] = [];
  #trouble: string | undefined;

  constructor(options: SlurmStateOptions) {
    this.#options = options;
  }

  observe(): StateObserved {
    const trouble = this.#trouble === undefined ? {} : { trouble: this.#trouble };
    if (this.#replica) {
      const status = { ...trouble, ...this.#replica.status() };
      return { kind: "open", status, wished: this.#wished };
    }
    const isKept = existsSync(join(this.#options.store, PROMISE_FILE));
    return { kind: "closed", isKept, ...trouble };
  }

  async open(self: { readonly name: string; readonly address: string }): Promise<void> {
    try {
      this.#replica = await this.#open(self);
      this.#trouble = undefined;
      const { promised, position, lost } = this.#replica.report();
      this.#options.logger.info("keeps SLURM's state", { promised, position, lost });
    } catch (error) {
      this.#trouble = describeError(error);
      throw error;
    }
  }

  lead(nomination: Nomination): void {
    const replica = this.#replica;
    invariant(replica, "nobody leads with a copy that is not open");
    // Somebody else leads, or this process ends: either is observed, and no trouble of this machine.
    replica.lead(nomination, this.#ending.signal).catch((error: unknown) => {
      this.#options.logger.info("SLURM's state is not led", { error: describeError(error) });
    });
  }

  wishReplicas(replicas: readonly string[]): void {
    this.#wished = replicas;
    this.#replica?.wishReplicas(replicas);
  }

  async save(signal: AbortSignal): Promise<void> {
    await this.#replica?.flush(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort(new Error("node-agent ends"));
    await this.#opened.disposeAsync();
  }

  async #open({ name: self, address: host }: { readonly name: string; readonly address: string }) {
    const { directory, store: folder, port, credentials, meshAddressOf, logger } = this.#options;
    const addressOf: TlsTransportOptions["addressOf"] = (name) => {
      const address = meshAddressOf(name);
      return address === undefined ? undefined : { host: address, port };
    };
    const owner = await this.#options.owner();
    // Read and checked before anybody is answered.
    const store = await openFolderStore({ folder, name: NAME });
    const transport = await openTlsTransport({ self, host, port, credentials, addressOf, replicaOf, logger });
    this.#opened.use(transport);
    const order = slurmReadingOrder;
    return this.#opened.use(
      openReplica({ self, name: NAME, directory, order, store, transport, owner, logger }),
    );
  }
}

/** The node whose agent this certificate is; nobody else's counts, though the same authority issued it. */
export function replicaOf({ commonName, organizations }: CertificateSubject): string | undefined {
  const prefix = agentUser("");
  if (!organizations.includes(AGENTS_GROUP) || !commonName.startsWith(prefix)) return undefined;
  return commonName.slice(prefix.length);
}
