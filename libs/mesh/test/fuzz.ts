/**
 * Damages answers of a userspace WireGuard in many ways and reads them:
 *
 *     npx nx run @cluster-os/mesh:fuzz -- 1000000 [SEED]
 *
 * Whatever comes, it is a device or a {@link WireGuardError} that holds no key. The suite runs a small sample.
 */
import { randomInteger, seededRng, toHex, type Rng } from "@cluster-os/std";
import { planDevice, WireGuardError, type DeviceState, type MeshWish } from "../src/index.ts";
import { parseState } from "../src/uapi.ts";

const SECRET = "5e".repeat(32);
const NO_WISH: MeshWish = {
  privateKey: new Uint8Array(32),
  publicKey: new Uint8Array(32),
  listenPort: 51820,
  peers: [],
  unheard: [],
};

export interface FuzzCount {
  readonly read: number;
  readonly refused: number;
}

/** Throws at the first answer that is neither read nor refused as it should be, with what it was. */
export function fuzzAnswers(count: number, seed: number): FuzzCount {
  const rng = seededRng(seed);
  const counts = { read: 0, refused: 0 };
  for (let run = 0; run < count; run += 1) {
    const answer = damage(answerOf(rng), rng);
    try {
      const state = parseState("cos0", answer, (key) => key);
      requireUsable(state);
      counts.read += 1;
    } catch (error) {
      const isNamed = error instanceof WireGuardError && !error.message.includes(SECRET);
      if (!isNamed)
        throw new Error(`run ${run} of seed ${seed}: ${JSON.stringify(answer)}`, { cause: error });
      counts.refused += 1;
    }
  }
  return counts;
}

/** What was read can be planned with: no key of another size, no count that is none. */
function requireUsable(state: DeviceState): void {
  for (const { publicKey, rxBytes, txBytes, latestHandshakeMs = 0 } of state.peers) {
    const counts = [rxBytes, txBytes, latestHandshakeMs];
    if (publicKey.length !== 32 || counts.some((value) => !Number.isFinite(value) || value < 0))
      throw new TypeError("a peer that cannot be");
  }
  planDevice(state, NO_WISH, 0);
}

function answerOf(rng: Rng): string {
  const peers = Array.from({ length: randomInteger(rng, 4) }, () => [
    `public_key=${toHex(rng.bytes(32))}`,
    `endpoint=[fe80::${randomInteger(rng, 9) + 1}%eth0]:51820`,
    `last_handshake_time_sec=${randomInteger(rng, 2_000_000_000)}`,
    `last_handshake_time_nsec=${randomInteger(rng, 1_000_000_000)}`,
    `tx_bytes=${randomInteger(rng, 1_000_000)}`,
    `rx_bytes=${randomInteger(rng, 1_000_000)}`,
    `persistent_keepalive_interval=${randomInteger(rng, 60)}`,
    `allowed_ip=10.86.0.${randomInteger(rng, 256)}/32`,
    "protocol_version=1",
  ]);
  return [`private_key=${SECRET}`, "listen_port=51820", ...peers.flat(), "errno=0", "", ""].join("\n");
}

const WORDS = [
  "=",
  "\n",
  "-1",
  "1e9",
  "NaN",
  "99999999999999999999",
  "public_key=",
  "errno=",
  "\0",
  "é",
  " ",
  SECRET,
];

function damage(text: string, rng: Rng): string {
  let damaged = text;
  for (let times = randomInteger(rng, 4); times >= 0; times -= 1) {
    const at = randomInteger(rng, damaged.length + 1);
    const end = Math.min(damaged.length, at + randomInteger(rng, 40));
    const lines = damaged.split("\n");
    switch (randomInteger(rng, 5)) {
      case 0:
        damaged = damaged.slice(0, at);
        break;
      case 1:
        damaged = damaged.slice(0, at) + (WORDS[randomInteger(rng, WORDS.length)] ?? "") + damaged.slice(at);
        break;
      case 2:
        damaged = damaged.slice(0, at) + damaged.slice(end);
        break;
      case 3:
        damaged = damaged.slice(0, at) + String.fromCharCode(randomInteger(rng, 256)) + damaged.slice(at + 1);
        break;
      default:
        lines.splice(randomInteger(rng, lines.length), 0, lines[randomInteger(rng, lines.length)] ?? "");
        damaged = lines.join("\n");
    }
  }
  return damaged;
}

if (import.meta.main) {
  const [count = "1000000", seed = "1"] = process.argv.slice(2);
  console.log(JSON.stringify({ seed: Number(seed), ...fuzzAnswers(Number(count), Number(seed)) }));
}
