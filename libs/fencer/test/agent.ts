/**
 * What stands for node-agent in tests: vouches in epoch 1 for LEASE milliseconds more, ten times in that time.
 *
 *     node agent.ts SOCKET LEASE
 */
import { bootTimeMs, FencerClient } from "../src/index.ts";

const [socket = "", lease = ""] = process.argv.slice(2);
const leaseMs = Number(lease);
const fencer = new FencerClient(socket);
setInterval(() => {
  const now = bootTimeMs();
  void fencer.extend(1, now + leaseMs).catch(() => {});
}, leaseMs / 10);
