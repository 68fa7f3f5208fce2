import type { MeshStatus } from "@cluster-os/api";
import type { Machine } from "../site.ts";
import type { PathFacts } from "./facts.ts";

const MTU_FILE = "/sys/class/net/cos0/mtu";
/** IPv4's header without options (RFC 791 section 3.1) and that of an ICMP echo (RFC 792). */
const HEADERS_BYTES = 28;
/** A path too narrow shows at any peer behind it, and a doctor is no load test. */
const MOST_PEERS = 16;
/** Every path carries these. */
const SMALL_BYTES = 84;

/**
 * Sends each living peer the largest packet that the mesh interface lets out, and a small one if that is not answered.
 * Undefined where there is no mesh, or no ping.
 */
export async function lookAtPaths(
  machine: Machine,
  peers: MeshStatus["peers"],
): Promise<readonly PathFacts[] | undefined> {
  try {
    const mtu = await machine.capture(["cat", MTU_FILE]);
    const ping = await machine.capture(["ping", "-V"]);
    if (mtu.exitCode !== 0 || ping.exitCode !== 0) return undefined;
    const living = peers.filter(({ isAlive }) => isAlive).slice(0, MOST_PEERS);
    return await Promise.all(living.map((peer) => lookAtPath(machine, peer, Number(mtu.stdout))));
  } catch {
    return undefined;
  }
}

async function lookAtPath(
  machine: Machine,
  { name, address }: MeshStatus["peers"][number],
  bytes: number,
): Promise<PathFacts> {
  // Any packet may get lost: five of a size that arrives are not all lost by accident.
  const answers = async (size: number): Promise<boolean> => {
    const argv = ["ping", "-n", "-q", "-c", "5", "-i", "0.2", "-W", "2", "-M", "do"];
    const { exitCode } = await machine.capture([...argv, "-s", String(size - HEADERS_BYTES), address]);
    return exitCode === 0;
  };
  // The small ones go last: a peer that has just died answers neither.
  if (await answers(bytes)) return { peer: name, bytes, carries: "all" };
  return { peer: name, bytes, carries: (await answers(SMALL_BYTES)) ? "small" : "none" };
}
