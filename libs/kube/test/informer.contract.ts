import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Controller } from "@cluster-os/reconcile/drivers";
import { seededRng, silentLogger } from "@cluster-os/std";
import { delay, systemClock, waitFor } from "@cluster-os/std/drivers";
import { expect } from "chai";
import {
  feed,
  Informer,
  keyOf,
  KubeClient,
  RESOURCES,
  type Connection,
  type InformerOptions,
  type ConfigMap,
} from "../src/index.ts";
import { history, type WorldChange } from "./changes.ts";

/** An API whose ConfigMaps of namespace `default` are changed while an informer looks. */
export interface InformerTarget extends AsyncDisposable {
  readonly connection: Connection;
  /** Makes these changes, at once or one after the other. */
  change(round: readonly WorldChange[]): Promise<void>;
  /** The versions of all objects by key, as they really are. */
  truth(): Promise<ReadonlyMap<string, string>>;
  /** From now on nothing goes wrong any more. */
  heal(): void;
  readonly settings?: Partial<InformerOptions<ConfigMap>>;
}

export interface InformerContract {
  readonly seed: number;
  readonly changes: number;
  readonly objects: number;
}

/**
 * What holds of an informer and a controller on it, whatever goes wrong below: at the end the store is the truth, every
 * key's last version was delivered and reconciled, no key was reconciled twice at once, no version came after a later
 * one, no event was lost between two lists, and nothing is left in memory.
 */
export function describeInformer(
  name: string,
  contract: InformerContract,
  start: (contract: InformerContract) => Promise<InformerTarget>,
): void {
  const { seed, changes, objects } = contract;
  it(`${name}: ${changes} changes of ${objects} objects, seed ${seed}`, async function () {
    this.timeout(120_000);
    await using target = await start(contract);
    using client = new KubeClient(target.connection, { timeoutMs: 5000 });
    const rng = seededRng(seed);
    const surroundings = { clock: systemClock, rng, logger: silentLogger };
    let missed = 0;
    let audits = 0;
    await using informer = new Informer({
      client,
      resource: RESOURCES.configMap,
      selection: { namespace: "default", labelSelector: "test=informer" },
      ...surroundings,
      ...target.settings,
      metrics: {
        listed: () => {},
        failed: () => {},
        missed: (_, count) => {
          missed += count;
          audits += 1;
        },
      },
    });
    const delivered = new Map<string, string>();
    const backwards: string[] = [];
    informer.store.onChange(({ kind, object }) => {
      const key = keyOf(object.metadata);
      const version = object.metadata.resourceVersion ?? "";
      if (Number(version) < Number(delivered.get(key) ?? 0)) backwards.push(`${key}@${version}`);
      if (kind === "deleted") delivered.delete(key);
      else delivered.set(key, version);
    });
    const running = new Set<string>();
    const twice: string[] = [];
    const reconciled = new Map<string, string>();
    await using controller = new Controller({
      name: "contract",
      concurrency: 8,
      ...surroundings,
      reconcile: async (key) => {
        if (running.has(key)) twice.push(key);
        running.add(key);
        await delay(1);
        const version = informer.store.get(key)?.metadata.resourceVersion;
        if (version === undefined) reconciled.delete(key);
        else reconciled.set(key, version);
        running.delete(key);
      },
    });
    feed(informer, controller);
    informer.start();
    controller.start();

    const heapMib: number[] = [];
    const rounds = history(seededRng(seed), objects, 20);
    for (let done = 0; done < changes; done += 20) {
      await target.change(rounds.next().value as readonly WorldChange[]);
      if (done % Math.ceil(changes / 5 / 20) === 0 && done >= changes / 2) heapMib.push(heapInUse());
    }
    target.heal();

    const truth = await target.truth();
    const versions = (): ReadonlyMap<string, string> =>
      new Map(informer.store.list().map(({ metadata }) => [keyOf(metadata), metadata.resourceVersion ?? ""]));
    const hasAudited = (): boolean => target.settings?.auditEveryMs === undefined || audits > 0;
    await waitFor(() => isEqual(versions(), truth) && isEqual(reconciled, truth) && hasAudited(), {
      what: "the store's and the controller's agreement with the truth",
      timeoutMs: 20_000,
    }).catch(() => {});
    expect(sorted(versions()), "the store").to.deep.equal(sorted(truth));
    expect(sorted(delivered), "what handlers were told last").to.deep.equal(sorted(truth));
    expect(sorted(reconciled), "what was reconciled last").to.deep.equal(sorted(truth));
    expect({ missed, twice, backwards }).to.deep.equal({ missed: 0, twice: [], backwards: [] });
    if (target.settings?.auditEveryMs !== undefined) expect(audits, "audits").to.be.greaterThan(0);
    heapMib.push(heapInUse());
    const growth = (heapMib.at(-1) as number) - (heapMib[0] as number);
    expect(growth, `memory in use was ${heapMib.map((mib) => mib.toFixed(1)).join(", ")} MiB`).to.be.lessThan(
      8,
    );
  });
}

function sorted(map: ReadonlyMap<string, string>): readonly (readonly [string, string])[] {
  return [...map].sort(([left], [right]) => (left < right ? -1 : 1));
}

function isEqual(left: ReadonlyMap<string, string>, right: ReadonlyMap<string, string>): boolean {
  return left.size === right.size && [...right].every(([key, version]) => left.get(key) === version);
}

/** After everything that is garbage was collected. */
function heapInUse(): number {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  return process.memoryUsage().heapUsed / 2 ** 20;
}
