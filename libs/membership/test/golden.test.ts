import { expect } from "chai";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fromHex, toHex } from "@cluster-os/std";
import { decodeMessage, encodeMessage, type Message } from "../src/message.ts";
import { encodeNews } from "../src/news.ts";
import { signAlive, signLeft } from "../src/records.ts";
import { Sealing } from "../src/sealing.ts";
import { firstIncarnation } from "../src/self.ts";
import { CLUSTER_ID, descriptionNumber, identityNumber, RING_KEY } from "./mini-network.ts";

const [one, two] = [identityNumber(1), identityNumber(2)];
const incarnation = firstIncarnation(3);
const { bytes: record } = signAlive(one, incarnation, descriptionNumber(1));

/** Messages whose bytes nodes of all versions have to agree on. */
const messages: { name: string; message: Message; to: typeof two | undefined }[] = [
  { name: "ping", message: { body: { kind: "ping", sequence: 7 }, news: [] }, to: two },
  {
    name: "gossip",
    message: {
      body: { kind: "gossip" },
      news: [
        encodeNews({ kind: "alive", record, address: "[fe80::1]:8686" }),
        encodeNews({ kind: "left", record: signLeft(one, incarnation).bytes }),
        encodeNews({ kind: "suspect", nodeId: two.nodeId, incarnation, accuser: one.nodeId }),
        encodeNews({ kind: "fact", key: "admission", bytes: new Uint8Array([1, 2, 3]) }),
      ],
    },
    to: two,
  },
  {
    name: "sync-offer",
    message: {
      body: {
        kind: "sync-offer",
        members: [{ nodeId: one.nodeId, incarnation, status: "alive" }],
        facts: [{ key: "admission", version: 1, hash: new Uint8Array(8) }],
      },
      news: [],
    },
    to: undefined,
  },
];

describe("bytes that do not change", () => {
  for (const { name, message, to } of messages) {
    it(`of ${name}`, () => {
      const sealing = new Sealing({
        identity: one,
        clusterId: CLUSTER_ID,
        ringKeys: [RING_KEY],
        bootCounter: 3,
      });
      const plain = encodeMessage(message);
      const sealed = sealing.seal(plain, to?.nodeId);
      const text = `plain ${toHex(plain)}\nsealed ${toHex(sealed)}\n`;
      const path = join(import.meta.dirname, "golden", `${name}.txt`);
      if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(path, text);
      const golden = readFileSync(path, "utf8");
      expect(text).to.equal(golden);
      expect(decodeMessage(fromHex(/^plain (.*)$/m.exec(golden)![1]!))).to.deep.equal(message);
    });
  }
});
