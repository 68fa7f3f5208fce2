import { randomInteger, type Rng } from "@cluster-os/std";

/** One change of one of many objects. `value` is what it then holds. */
export interface WorldChange {
  readonly kind: "create" | "update" | "delete";
  readonly name: string;
  readonly value: string;
}

/** An endless random history of `count` objects that come, change and go; in rounds that touch no object twice. */
export function* history(rng: Rng, count: number, perRound: number): Generator<readonly WorldChange[]> {
  const present = new Set<string>();
  for (let step = 0; ;) {
    const round = new Map<string, WorldChange>();
    while (round.size < perRound) {
      const name = `object-${randomInteger(rng, count)}`;
      if (round.has(name)) continue;
      const kind = !present.has(name) ? "create" : rng.fraction() < 0.1 ? "delete" : "update";
      if (kind === "create") present.add(name);
      if (kind === "delete") present.delete(name);
      round.set(name, { kind, name, value: String((step += 1)) });
    }
    yield [...round.values()];
  }
}
