/** The agent under fire: sockets, driver and protocol as bootstrap has them, from the state of a member. */
import { readdirSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { NodeProtocol } from "@cluster-os/formation";
import { description } from "@cluster-os/formation/testing";
import { agreementKeyFromPrivate, identityFromSeed } from "@cluster-os/identity";
import { openNetwork } from "@cluster-os/membership/drivers";
import { silentLogger } from "@cluster-os/std";
import { systemClock, systemRng } from "@cluster-os/std/drivers";
import { ProtocolDriver } from "../../src/protocol-driver.ts";
import { StateFile } from "../../src/state-file.ts";

export interface AgentOrder {
  /** The state of a member, as it lies on its disk. */
  readonly state: Uint8Array;
  readonly statePath: string;
  readonly identitySeed: Uint8Array;
  readonly sealingKey: Uint8Array;
}

export type AgentQuestion = "heard" | "report";

export interface AgentReport {
  readonly port: number;
  /** Messages that came whole, by datagram or stream. */
  readonly heard: number;
  readonly counters: Readonly<Record<string, number>>;
  /** Which others are members, and which facts are held. What it says of itself it changes itself, as when a ring key has had its time. */
  readonly known: string;
  readonly residentBytes: number;
  readonly openFiles: number;
}

process.once("message", (order: AgentOrder) => void run(order));
// Nothing outlives whoever started it.
process.on("disconnect", () => process.exit(1));

async function run(order: AgentOrder): Promise<void> {
  const sealing = agreementKeyFromPrivate(order.sealingKey);
  const protocol = new NodeProtocol({
    identity: identityFromSeed(order.identitySeed),
    wireguardKey: sealing.publicKey,
    sealing,
    joinKey: new Uint8Array(32).fill(5),
    description: description(),
    state: order.state,
    lanSubnets: [],
    rng: systemRng,
    wallTime: () => systemClock.wallTime(),
    now: systemClock.now(),
  });
  const self = protocol.status.nodeId;
  let heard = 0;
  const port = await freePort();
  const network = await openNetwork({
    port,
    logger: silentLogger,
    isWanted: (name) => name === "lo",
    onDatagram: (from, bytes) => {
      heard += 1;
      void driver.feed({ kind: "datagram", from, bytes });
    },
  });
  const driver = new ProtocolDriver({
    protocol,
    outlets: {
      stateFile: new StateFile({ path: order.statePath, logger: silentLogger }),
      // The recorded cluster is not there: whatever is answered leads nowhere.
      send: () => {},
      multicast: () => {},
      notify: () => {},
    },
    clock: systemClock,
    logger: silentLogger,
  });
  await driver.feed({ kind: "wake" });
  process.on("message", (question: AgentQuestion) => process.send?.(question === "heard" ? heard : report()));

  function report(): AgentReport {
    globalThis.gc?.();
    const members = protocol
      .members()
      .filter(({ nodeId }) => nodeId !== self)
      .map(({ nodeId, incarnation, address }) => [nodeId, incarnation, address]);
    return {
      port,
      heard,
      counters: protocol.counters(),
      known: JSON.stringify([members, [...protocol.facts().keys()]]),
      residentBytes: process.memoryUsage.rss(),
      openFiles: readdirSync("/proc/self/fd").length,
    };
  }
  void network;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "::", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
