/**
 * One member: membership as it ships on real sockets, and nothing else of bootstrap. Says `ready`, then `alive N` or `failed N`
 * of the others; each line that it is told is an address to join.
 *
 *     node member.ts NUMBER SEED SIZE PORT
 */
import { createInterface } from "node:readline";
import { rehearse, type Member, type MembershipInput } from "@cluster-os/membership";
import { openNetwork } from "@cluster-os/membership/drivers";
import { SimulatedMember } from "@cluster-os/simulator";
import { seededRng, silentLogger } from "@cluster-os/std";
import { systemClock } from "@cluster-os/std/drivers";

const [number = 0, seed = 0, size = 0, port = 0] = process.argv.slice(2).map(Number);
const options = { seed, config: {} };
const numbers = new Map(
  Array.from({ length: size }, (_, at) => [
    new SimulatedMember({ ...options, number: at + 1 }).nodeId,
    at + 1,
  ]),
);
const self = new SimulatedMember({ ...options, number });
let timer: NodeJS.Timeout | undefined;

const network = await openNetwork({
  port,
  logger: silentLogger,
  isWanted: (name) => name === "eth0",
  onDatagram: (from, bytes) => step({ kind: "datagram", from, bytes }),
});
// As bootstrap does while it looks for others.
for (const _message of rehearse(seededRng(seed)));
self.start(systemClock.now());
step({ kind: "wake" });
createInterface(process.stdin).on("line", (line) => step({ kind: "join", seeds: [line] }));
console.log("ready");

function step(input: MembershipInput): void {
  for (const effect of self.step(input, systemClock.now())) {
    if (effect.kind === "send") network.send(effect.to, effect.bytes);
    if (effect.kind === "member-changed") tell(effect.member);
  }
  clearTimeout(timer);
  timer = setTimeout(() => step({ kind: "wake" }), Math.max(0, self.wakeAt - systemClock.now()));
}

/** Who is suspect is alive still. */
function tell({ nodeId, status }: Member): void {
  const subject = numbers.get(nodeId);
  if (status === "suspect" || subject === undefined) return;
  console.log(`${status === "alive" ? "alive" : "failed"} ${subject}`);
}
