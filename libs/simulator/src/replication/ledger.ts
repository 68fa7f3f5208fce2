import {
  comparePositions,
  encodeManifest,
  hashOf,
  newest,
  positionOf,
  showPosition,
  type Manifest,
  type Position,
  type ReplicaId,
  type ReplicaReport,
} from "@cluster-os/replication";

interface Sealed {
  readonly manifest: Manifest;
  readonly digest: string;
  /** What the directory held. */
  readonly content: ReadonlyMap<string, string>;
  /** The snapshot that this one went on from; undefined for one that began anew. */
  readonly before: Sealed | undefined;
  /** Whether it was ever on a disk for good: one that was not may be forgotten, and its name be given again. */
  isPublished: boolean;
}

/** What somebody who sees everything knows, and what of it must not be. */
export class Ledger {
  readonly #sealed = new Map<string, Sealed>();
  /** The newest that was acknowledged. */
  #acknowledged: Sealed | undefined;
  /** The newest of each epoch. */
  readonly #acknowledgedIn = new Map<number, Sealed>();
  readonly #promised = new Map<ReplicaId, number>();
  violation: string | undefined;
  acknowledgements = 0;
  takeovers = 0;

  get hasAcknowledged(): boolean {
    return this.#acknowledged !== undefined;
  }

  /** A leader writes a snapshot of its own. Says whether it is new. */
  seal(manifest: Manifest, content: ReadonlyMap<string, string>, before: Position | undefined): boolean {
    const name = showPosition(manifest);
    const digest = hashOf(encodeManifest(manifest));
    const known = this.#sealed.get(name);
    const isSame = known?.digest === digest;
    if (known?.isPublished && !isSame) this.#accuse(`two snapshots are called ${name}`);
    if (known && (isSame || known.isPublished)) return false;
    const parent = before && this.#sealed.get(showPosition(before));
    if (!parent && this.#acknowledged) this.#accuse(`${name} begins anew though something was acknowledged`);
    this.#sealed.set(name, {
      manifest,
      digest,
      content: new Map(content),
      before: parent,
      isPublished: false,
    });
    return true;
  }

  publish(manifest: Manifest): void {
    const sealed = this.#sealed.get(showPosition(manifest));
    if (sealed?.digest === hashOf(encodeManifest(manifest))) sealed.isPublished = true;
  }

  acknowledge(position: Position): void {
    const sealed = this.#sealed.get(showPosition(position));
    if (!sealed) return this.#accuse(`${showPosition(position)} is acknowledged, and nobody sealed it`);
    const last = this.#acknowledged;
    this.acknowledgements += 1;
    if (last && !descends(sealed, last) && !descends(last, sealed)) {
      return this.#accuse(`${showPosition(position)} is acknowledged beside ${showPosition(last.manifest)}`);
    }
    if (!last || descends(sealed, last)) this.#acknowledged = sealed;
    const ofEpoch = this.#acknowledgedIn.get(position.epoch);
    if (!ofEpoch || descends(sealed, ofEpoch)) this.#acknowledgedIn.set(position.epoch, sealed);
  }

  /** A machine has put a snapshot into its directory, to go on from there under this epoch; undefined if it is deposed already. */
  restored(manifest: Manifest, content: ReadonlyMap<string, string>, epoch: number | undefined): void {
    this.takeovers += 1;
    const sealed = this.#sealed.get(showPosition(manifest));
    if (!sealed) return this.#accuse(`${showPosition(manifest)} is restored, and nobody sealed it`);
    if (!sameContent(sealed.content, content)) {
      this.#accuse(`the directory that is to be ${showPosition(manifest)} is a mixture`);
    }
    // A candidate that slept may still be at it when a later epoch has come far: then nobody will follow it.
    const before = [...this.#acknowledgedIn.keys()].filter((one) => one < (epoch ?? 0));
    const last = this.#acknowledgedIn.get(Math.max(...before));
    if (last) this.#expect(sealed, last, "a leader goes on from");
  }

  /** What is found on a disk after a restart. */
  found(replica: ReplicaId, promised: number, snapshots: readonly Manifest[]): void {
    this.promises(replica, promised);
    for (const manifest of snapshots) {
      this.publish(manifest);
      const known = this.#sealed.get(showPosition(manifest));
      if (known?.digest !== hashOf(encodeManifest(manifest))) {
        this.#accuse(`${replica} keeps ${showPosition(manifest)}, which nobody sealed so`);
      }
    }
  }

  /** What a machine told others that it will not go behind. */
  promises(replica: ReplicaId, epoch: number): void {
    const before = this.#promised.get(replica) ?? 0;
    if (epoch < before) this.#accuse(`${replica} goes back from epoch ${before} to ${epoch}`);
    this.#promised.set(replica, Math.max(before, epoch));
  }

  /** What whoever nominates would choose, from what some machines say. */
  nominates(reports: readonly ReplicaReport[], replicas: readonly ReplicaId[]): void {
    const choice = newest(reports, replicas);
    if (choice.kind === "waiting") return;
    if (choice.kind === "empty") {
      if (this.#acknowledged) this.#accuse("nobody is said to have anything, and something was acknowledged");
      return;
    }
    const sealed = this.#sealed.get(showPosition(choice.position));
    if (sealed && this.#acknowledged) this.#expect(sealed, this.#acknowledged, "the newest is said to be");
  }

  contentOf(position: Position): ReadonlyMap<string, string> | undefined {
    return this.#sealed.get(showPosition(position))?.content;
  }

  /** Something that is wrong at the end. */
  accuse(what: string): void {
    this.#accuse(what);
  }

  #expect(sealed: Sealed, last: Sealed, what: string): void {
    if (descends(sealed, last)) return;
    const names = [sealed, last].map(({ manifest }) => showPosition(positionOf(manifest)));
    this.#accuse(`${what} ${names[0]}, and ${names[1]}, which was acknowledged, is lost`);
  }

  #accuse(what: string): void {
    this.violation ??= what;
  }
}

/** Whether `sealed` is `ancestor` or came from it. */
function descends(sealed: Sealed, ancestor: Sealed): boolean {
  for (let at: Sealed | undefined = sealed; at; at = at.before) {
    if (at === ancestor) return true;
    if (comparePositions(at.manifest, ancestor.manifest) < 0) return false;
  }
  return false;
}

export function sameContent(left: ReadonlyMap<string, string>, right: ReadonlyMap<string, string>): boolean {
  return left.size === right.size && [...left].every(([path, text]) => right.get(path) === text);
}
