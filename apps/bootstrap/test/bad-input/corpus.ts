import { Lan, type ProtocolNode } from "@cluster-os/formation/testing";
import { randomInteger, type Rng } from "@cluster-os/std";

const KEPT = 400;

/** Three machines become a cluster in virtual time: the first one's disk, and what the others said while it watched. */
export function recordedCluster() {
  const lan = new Lan(3);
  const nodes = [lan.add(), lan.add(), lan.add()];
  const [node] = nodes as [ProtocolNode];
  const messages: Uint8Array[] = [];
  lan.overhear = (bytes, from) => {
    if (from !== node && messages.length < KEPT) messages.push(bytes);
  };
  lan.runUntil(() => nodes.every(({ protocol }) => protocol.members().length === 3), 20_000);
  lan.feed(node, { kind: "rotate-ring-key" });
  lan.run(5_000);
  if (!node.disk) throw new Error("a member has a state on its disk");
  const seeds = { identitySeed: node.identity.seed, sealingKey: node.sealing.privateKey };
  return { state: node.disk, seeds, messages };
}

/** Bits flipped, a piece cut out, put in or replaced, the head of one message on the tail of another; or noise. */
export function mutated(rng: Rng, messages: readonly Uint8Array[]): Uint8Array {
  for (;;) {
    const original = pick(rng, messages);
    const bytes = change(rng, original, messages);
    // What two spliced messages make may be one of them again, and then it is genuine.
    if (!isGenuine(messages, bytes)) return bytes;
  }
}

function isGenuine(messages: readonly Uint8Array[], bytes: Uint8Array): boolean {
  return messages.some((message) => message.length === bytes.length && Buffer.compare(message, bytes) === 0);
}

function change(rng: Rng, original: Uint8Array, messages: readonly Uint8Array[]): Uint8Array {
  const copy = Uint8Array.from(original);
  const at = randomInteger(rng, copy.length);
  switch (randomInteger(rng, 6)) {
    case 0:
      copy[at]! ^= 1 << randomInteger(rng, 8);
      return copy;
    case 1:
      return copy.subarray(0, Math.max(1, at));
    case 2:
      return Buffer.concat([copy.subarray(0, at), rng.bytes(8), copy.subarray(at)]);
    case 3:
      copy.set(rng.bytes(Math.min(16, copy.length - at)), at);
      return copy;
    case 4:
      return Buffer.concat([copy.subarray(0, Math.max(1, at)), pick(rng, messages).subarray(at)]);
    default:
      return rng.bytes(1 + randomInteger(rng, 1_500));
  }
}

function pick(rng: Rng, messages: readonly Uint8Array[]): Uint8Array {
  return messages[randomInteger(rng, messages.length)] as Uint8Array;
}
