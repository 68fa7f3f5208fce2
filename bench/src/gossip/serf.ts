import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { encode } from "@msgpack/msgpack";
import type { Contender, Seat, Told } from "./contender.ts";

const RPC_PORT = 7373;
/** Ours has one always. */
const KEY = Buffer.alloc(32, 7).toString("base64");

/** HashiCorp's serf with its defaults for a LAN, and a key, told to join by its RPC (agent/ipc.go: MessagePack, no frames). */
export class Serf implements Contender {
  readonly name = "serf 0.10.1";
  readonly #program: string;

  constructor(program: string) {
    this.#program = program;
  }

  async command({ number, address, folder }: Seat): Promise<readonly string[]> {
    const file = join(folder, "serf.json");
    const config = {
      node_name: `m${number}`,
      bind: address,
      rpc_addr: `${address}:${RPC_PORT}`,
      profile: "lan",
      encrypt_key: KEY,
      log_level: "info",
    };
    await writeFile(file, JSON.stringify(config));
    return [this.#program, "agent", `-config-file=${file}`];
  }

  isReady(line: string): boolean {
    return line.includes("Serf agent running");
  }

  read(line: string): { readonly subject: number; readonly isAlive: boolean } | undefined {
    const match = /serf: EventMember(Join|Failed): m(\d+) /.exec(line);
    return match ? { subject: Number(match[2]), isAlive: match[1] === "Join" } : undefined;
  }

  async join(members: readonly Told[], seed: string): Promise<void> {
    const calls = await Promise.all(members.map(({ seat }) => openCall(seat.address)));
    for (const call of calls) {
      call.write(encode({ Command: "join", Seq: 1 }));
      call.write(encode({ Existing: [seed], Replay: false }));
    }
    // Closed by the end of the agent: to hang up before its answer might take the call back.
  }
}

async function openCall(address: string): Promise<Socket> {
  const call = connect(RPC_PORT, address);
  await once(call, "connect");
  call.resume().on("error", () => {});
  call.write(encode({ Command: "handshake", Seq: 0 }));
  call.write(encode({ Version: 1 }));
  return call;
}
