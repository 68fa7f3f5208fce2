import { decodeCbor, encodeCbor, type NodeId } from "@cluster-os/identity";
import type { Clock } from "@cluster-os/std";
import { clockOffset } from "@cluster-os/time";
import { z } from "zod";
import type { PeerApiClient } from "../peer-api/client.ts";
import type { PeerHandler } from "../peer-api/protocol.ts";

/** Topic of the peer API: what a member's wall clock shows. */
export const CLOCK_TOPIC = "clock";

const ClockAnswer = z.object({
  /** Unix milliseconds. */
  wallTime: z.number(),
});

export function clockHandler(clock: Clock): PeerHandler {
  return () => Promise.resolve(encodeCbor({ wallTime: Math.round(clock.wallTime()) }));
}

/** How far this clock is ahead of the other machine's, in milliseconds. */
export async function askClock(
  peers: Pick<PeerApiClient, "ask">,
  clock: Clock,
  to: { readonly nodeId: NodeId; readonly meshAddress: string },
  signal: AbortSignal,
): Promise<number> {
  const askedAt = clock.wallTime();
  const call = { to: to.nodeId, address: to.meshAddress, topic: CLOCK_TOPIC, body: new Uint8Array(), signal };
  const { wallTime } = ClockAnswer.parse(decodeCbor(await peers.ask(call)));
  return clockOffset({ askedAt, answeredAt: clock.wallTime(), theirs: wallTime });
}
