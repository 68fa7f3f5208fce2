/**
 * Damages what the kernel answers over netlink in many ways and reads it:
 *
 *     npx nx run @cluster-os/node-wireguard:fuzz -- 1000000 [SEED]
 *
 * Whatever comes, it is a device, messages, or a {@link NetlinkFormatError}. The suite runs a small sample.
 */
import { concatBytes, randomInteger, seededRng, toHex, type Rng } from "@cluster-os/std";
import { NetlinkFormatError } from "../src/netlink/errors.ts";
import { encodeMessage, readMessages, readOutcome } from "../src/netlink/message.ts";
import { deviceState, parseDevice } from "../src/parse.ts";
import { dumpDevice, modelDevice, modelPeer } from "./fake/wireguard-model.ts";

export interface FuzzCount {
  readonly read: number;
  readonly refused: number;
}

/** Throws at the first answer that is neither read nor refused by name, with its bytes. */
export function fuzzNetlink(count: number, seed: number): FuzzCount {
  const rng = seededRng(seed);
  const counts = { read: 0, refused: 0 };
  for (let run = 0; run < count; run += 1) {
    const bytes = damage(concatBytes(...partsOf(rng)), rng);
    const message = damage(
      encodeMessage({
        type: randomInteger(rng, 4),
        flags: randomInteger(rng, 0x400),
        sequence: run,
        payload: bytes,
      }),
      rng,
    );
    try {
      deviceState(parseDevice([bytes]), () => undefined);
      for (const one of readMessages(message)) readOutcome(one);
      counts.read += 1;
    } catch (error) {
      if (!(error instanceof NetlinkFormatError))
        throw new Error(`run ${run} of seed ${seed}: ${toHex(bytes)} ${toHex(message)}`, { cause: error });
      counts.refused += 1;
    }
  }
  return counts;
}

function partsOf(rng: Rng): readonly Uint8Array[] {
  const device = { ...modelDevice(3, "cos0"), listenPort: randomInteger(rng, 65_536) };
  for (let peers = randomInteger(rng, 4); peers > 0; peers -= 1) {
    const peer = modelPeer(rng.bytes(32));
    const allowedIps = Array.from({ length: randomInteger(rng, 4) }, () => ({
      family: 2,
      address: rng.bytes(4),
      prefix: randomInteger(rng, 33),
    }));
    device.peers.set(toHex(peer.publicKey), { ...peer, allowedIps });
  }
  return dumpDevice(device, 4_000);
}

/** Most damage is small, and much of it is to lengths: they are what leads a reader astray. */
function damage(given: Uint8Array, rng: Rng): Uint8Array {
  let bytes = new Uint8Array(given);
  for (let times = randomInteger(rng, 3); times > 0 && bytes.length > 4; times -= 1) {
    const at = randomInteger(rng, bytes.length);
    switch (randomInteger(rng, 4)) {
      case 0:
        bytes[at] = randomInteger(rng, 256);
        break;
      case 1:
        bytes = bytes.slice(0, at);
        break;
      case 2:
        bytes[at - (at % 4)] = [0, 1, 3, 4, 5, 0xff][randomInteger(rng, 6)] ?? 0;
        break;
      default:
        bytes = new Uint8Array(
          concatBytes(bytes.subarray(0, at), bytes.subarray(randomInteger(rng, at + 1))),
        );
    }
  }
  return bytes;
}

if (import.meta.main) {
  const [count = "1000000", seed = "1"] = process.argv.slice(2);
  console.log(JSON.stringify({ seed: Number(seed), ...fuzzNetlink(Number(count), Number(seed)) }));
}
