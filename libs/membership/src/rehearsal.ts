import { generateIdentity } from "@cluster-os/identity";
import type { Instant, Rng } from "@cluster-os/std";
import type { Address } from "./member.ts";
import { Membership } from "./membership.ts";
import type { MembershipEffect, MembershipInput } from "./protocol.ts";

/** Enough to meet each other, to tell what each heard, and to probe. */
const PLAYERS = 5;
/** Measured: after ten times as many the next message is hardly quicker. */
const MESSAGES = 160;

interface Letter {
  readonly from: Address;
  readonly to: Address;
  readonly bytes: Uint8Array;
}

/**
 * Lets members that exist nowhere else join each other, and throws them away: in virtual time, with identities and a ring key of its own.
 * A program that has just begun takes several times as long for a message as a little later, when its code has run a
 * hundred times; and the moment in which a machine joins is when it hears from all others at once. Yields after each message, so
 * that whoever calls it can do other things in between.
 */
export function* rehearse(rng: Rng): Generator<void, void> {
  const letters: Letter[] = [];
  const players = new Map<Address, Membership>();
  const ringKey = { id: 1, key: rng.bytes(32) };
  let now: Instant = 0;
  for (let player = 1; player <= PLAYERS; player += 1)
    players.set(addressOf(player), openPlayer(rng, ringKey, now));
  const step = (address: Address, input: MembershipInput): void => {
    letters.push(...lettersOf(address, players.get(address)?.step(input, now) ?? []));
  };
  for (const address of players.keys()) step(address, { kind: "join", seeds: [addressOf(1)] });
  for (let delivered = 0; delivered < MESSAGES;) {
    const letter = letters.shift();
    if (letter) {
      step(letter.to, { kind: "datagram", from: letter.from, bytes: letter.bytes });
      delivered += 1;
      yield;
      continue;
    }
    now = Math.min(...[...players.values()].map(({ wakeAt }) => wakeAt));
    for (const [address, { wakeAt }] of players) if (wakeAt <= now) step(address, { kind: "wake" });
  }
}

function openPlayer(
  rng: Rng,
  ringKey: { readonly id: number; readonly key: Uint8Array },
  now: Instant,
): Membership {
  const membership = new Membership({
    identity: generateIdentity(rng),
    rng,
    clusterId: "00000000000000000000000000000000",
    ringKeys: [ringKey],
    bootCounter: 1,
    description: {
      wireguardKey: new Uint8Array(rng.bytes(32)),
      sealingKey: new Uint8Array(rng.bytes(32)),
      ringKeyId: ringKey.id,
      gossipPort: 8686,
      wireguardPort: 51820,
      capabilities: { cpu: 1, memoryBytes: 1, gpus: 0 },
      roles: ["worker"],
      kubernetes: { state: "none", epoch: 0 },
      lifecycle: "join",
      version: "0",
    },
    isAdmitted: () => true,
    verifyFact: () => ({ version: 1 }),
    now,
  });
  const own = `rehearsal/${rng.bytes(4).join(".")}`;
  membership.step({ kind: "publish-fact", key: own, bytes: rng.bytes(64) }, now);
  return membership;
}

function lettersOf(from: Address, effects: readonly MembershipEffect[]): readonly Letter[] {
  return effects.flatMap((effect) =>
    effect.kind === "send" ? [{ from, to: effect.to, bytes: effect.bytes }] : [],
  );
}

/** Of documentation's network (RFC 5737): nothing is ever sent there. */
function addressOf(player: number): Address {
  return `192.0.2.${player}:8686`;
}
