/**
 * Runs on a machine of the lab, by the package's own Node: throws datagrams that nobody should act on at a gossip port.
 *
 *     node flooder.ts fe80::1%eth0 8686 20000 30     address, port, datagrams a second, seconds
 *
 * A quarter of them are noise, a quarter begin as a member's message does, and half are beacons that were heard on the
 * cable, one byte of each changed: what anybody on it can make. Prints how many were sent.
 */
import { randomBytes, randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";

/** Where members announce themselves, every five seconds (libs/membership/src/drivers/datagrams.ts). */
const GROUP = "ff02::c05";
const LISTEN_MS = 7_000;
/** Kind and version of a member's message, and to anybody (libs/membership/src/sealing.ts). */
const BEGINNING = Buffer.from([0x02, 0x03, 0x00]);
const TICK_MS = 5;

const [address = "", port = "", rate = "", seconds = ""] = process.argv.slice(2);
const beacons = await listen(address.slice(address.indexOf("%")), Number(port));
console.log(JSON.stringify({ beacons: beacons.length, sent: await flood() }));

async function listen(zone: string, at: number): Promise<readonly Buffer[]> {
  const heard: Buffer[] = [];
  const socket = createSocket({ type: "udp6", reuseAddr: true });
  socket.on("message", (bytes) => heard.push(bytes));
  socket.bind(at, `${GROUP}${zone}`);
  await once(socket, "listening");
  socket.addMembership(GROUP, `::${zone}`);
  await delay(LISTEN_MS);
  socket.close();
  return heard;
}

async function flood(): Promise<number> {
  const socket = createSocket("udp6");
  socket.connect(Number(port), address);
  await once(socket, "connect");
  let sent = 0;
  const begun = performance.now();
  for (;;) {
    const elapsedMs = performance.now() - begun;
    if (elapsedMs >= Number(seconds) * 1_000) break;
    for (const due = (elapsedMs / 1_000) * Number(rate); sent < due; sent += 1) socket.send(make(sent));
    await delay(TICK_MS);
  }
  socket.close();
  return sent;
}

function make(number: number): Buffer {
  const beacon = beacons[number % Math.max(1, beacons.length)];
  if (number % 2 === 0 && beacon) {
    const changed = Buffer.from(beacon);
    const at = randomInt(changed.length);
    changed[at] = (changed[at] ?? 0) ^ (1 + randomInt(255));
    return changed;
  }
  const noise = randomBytes(200);
  if (number % 4 === 1) BEGINNING.copy(noise);
  return noise;
}
