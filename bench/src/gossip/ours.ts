import { join } from "node:path";
import type { Contender, Seat, Told } from "./contender.ts";

const PROGRAM = join(import.meta.dirname, "member.ts");
const PORT = 8686;

/** The membership that ships, with the sockets that ship, in a process of its own. */
export const ours: Contender = {
  name: "cluster-os",
  command({ number, seed, size }: Seat): Promise<readonly string[]> {
    const words = [PROGRAM, number, seed, size, PORT].map(String);
    return Promise.resolve([process.execPath, "--conditions=@cluster-os/source", ...words]);
  },
  isReady: (line) => line === "ready",
  read(line) {
    const match = /^(alive|failed) (\d+)$/.exec(line);
    return match ? { subject: Number(match[2]), isAlive: match[1] === "alive" } : undefined;
  },
  join(members: readonly Told[], seed: string): Promise<void> {
    for (const member of members) member.tell(`${seed}:${PORT}`);
    return Promise.resolve();
  },
};
