import { connect } from "node:net";
import { randomInteger, type Rng } from "@cluster-os/std";
import { mutated } from "./corpus.ts";

/** Fewer than the gossip port takes at once: each is to be looked at. */
const AT_ONCE = 32;

/** Opens a connection for each mutated frame, some of which are cut off, some too long, some dribbled and left open for a while. */
export async function fireStreams(options: {
  readonly port: number;
  readonly messages: readonly Uint8Array[];
  readonly rng: Rng;
  readonly count: number;
}): Promise<void> {
  const { port, messages, rng, count } = options;
  let begun = 0;
  const work = async (): Promise<void> => {
    while (begun < count) {
      begun += 1;
      await fire(port, frame(rng, mutated(rng, messages)), randomInteger(rng, 4));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

/** Length, gossip port and message; some lengths are not so. */
function frame(rng: Rng, message: Uint8Array): Uint8Array {
  const header = Buffer.alloc(6);
  const lengths = [
    message.length,
    message.length,
    message.length - 1,
    message.length + 9,
    0,
    2 ** 32 - 1,
    2 ** 22,
  ];
  header.writeUInt32BE(Math.max(0, lengths[randomInteger(rng, lengths.length)]!), 0);
  header.writeUInt16BE(randomInteger(rng, 20) === 0 ? 0 : 8_686, 4);
  return Buffer.concat([header, message]);
}

/** How it ends is one of four: as it should, without an end, cut off in the middle, or reset. */
function fire(port: number, bytes: Uint8Array, manner: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.on("error", () => {});
    socket.on("close", () => resolve());
    socket.resume();
    const half = bytes.subarray(0, bytes.length >> 1);
    if (manner === 0) socket.end(bytes);
    else if (manner === 1) {
      socket.write(bytes);
      setTimeout(() => socket.end(), 5);
    } else if (manner === 2) socket.end(half);
    else socket.write(half, () => socket.resetAndDestroy());
  });
}
