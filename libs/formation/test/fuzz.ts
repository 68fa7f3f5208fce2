/**
 * Feeds mutated messages of a real cluster to one member's whole protocol: `npx nx run formation:fuzz -- --datagrams 1000000
 * --seed 1`. Nothing may throw, nothing mutated may be acted on, and memory may not grow. Prints what was refused and why.
 */
import { parseArgs } from "node:util";
import { randomInteger, seededRng, toHex, type Rng } from "@cluster-os/std";
import { Lan, type ProtocolNode } from "./support/protocols.ts";

const KEPT = 400;

const { values } = parseArgs({
  options: { datagrams: { type: "string", default: "20000" }, seed: { type: "string", default: "1" } },
});
const count = Number(values.datagrams);
const rng = seededRng(Number(values.seed));

const lan = new Lan(3);
const nodes = [lan.add(), lan.add(), lan.add()];
const [node] = nodes as [ProtocolNode];
const heard: Uint8Array[] = [];
lan.overhear = (bytes, from) => {
  if (from !== node && heard.length < KEPT) heard.push(bytes);
};
lan.runUntil(() => nodes.every(({ protocol }) => protocol.members().length === 3), 20_000);
lan.feed(node, { kind: "rotate-ring-key" });
lan.run(5_000);

const known = (): string =>
  JSON.stringify(node.protocol.members()) + [...node.protocol.facts().keys()].join();
const before = { known: known(), counters: node.protocol.counters(), bytes: residentBytes() };
const genuine = new Set(heard.map(toHex));
const begun = performance.now();
for (let fed = 0; fed < count; fed += 1) {
  const original = heard[randomInteger(rng, heard.length)] as Uint8Array;
  const bytes = mutate(rng, original);
  // What two spliced messages make may be one of them again, and then it is genuine.
  // At one instant: what the time alone brings about is not what is looked at here.
  if (!genuine.has(toHex(bytes)))
    node.protocol.step({ kind: "datagram", from: "10.0.0.2:8686", bytes }, lan.now);
}
const seconds = (performance.now() - begun) / 1_000;
const after = node.protocol.counters();
const grown = Object.entries(after).filter(([name, value]) => value !== (before.counters[name] ?? 0));
const accepted = (after["membership.accepted"] ?? 0) - (before.counters["membership.accepted"] ?? 0);
console.log(
  `${count} mutated datagrams in ${seconds.toFixed(1)} s (${Math.round(count / seconds)} a second), seed ${values.seed}`,
);
for (const [name, value] of grown) console.log(`  ${name}: ${value - (before.counters[name] ?? 0)}`);
console.log(`  resident memory ${before.bytes} -> ${residentBytes()} MiB`);
if (accepted > 0 || known() !== before.known) {
  console.error("a mutated datagram was acted on");
  process.exitCode = 1;
}

/** Bits flipped, a piece cut out, doubled or replaced, or the head of one message on the tail of another. */
function mutate(random: Rng, bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const at = randomInteger(random, copy.length);
  switch (randomInteger(random, 6)) {
    case 0:
      copy[at] = copy[at]! ^ (1 << randomInteger(random, 8));
      return copy;
    case 1:
      return copy.subarray(0, at);
    case 2:
      return new Uint8Array(Buffer.concat([copy.subarray(0, at), random.bytes(8), copy.subarray(at)]));
    case 3:
      copy.set(random.bytes(Math.min(16, copy.length - at)), at);
      return copy;
    case 4: {
      const other = heard[randomInteger(random, heard.length)] as Uint8Array;
      return new Uint8Array(Buffer.concat([copy.subarray(0, at), other.subarray(at)]));
    }
    default:
      return random.bytes(randomInteger(random, 1_500));
  }
}

function residentBytes(): number {
  globalThis.gc?.();
  return Math.round(process.memoryUsage.rss() / 2 ** 20);
}
