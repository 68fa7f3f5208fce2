import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NodeProtocol, NodeProtocolEffect, NodeProtocolInput } from "@cluster-os/formation";
import type { Logger } from "@cluster-os/std";
import { systemClock, waitFor, writeFileAtomic } from "@cluster-os/std/drivers";
import { expect } from "chai";
import { ProtocolDriver } from "../src/protocol-driver.ts";
import { StateFile } from "../src/state-file.ts";

const PROMISE = new Uint8Array([1, 2, 3]);
const ANSWER = new Uint8Array([4]);

/** A protocol that answers every datagram, and has its first answer written down before. */
function protocol(): NodeProtocol & { readonly heard: NodeProtocolInput[] } {
  const heard: NodeProtocolInput[] = [];
  const step = (input: NodeProtocolInput): readonly NodeProtocolEffect[] => {
    heard.push(input);
    const answer: NodeProtocolEffect = { kind: "send", to: "[::1]:1", bytes: ANSWER };
    return heard.length === 1 ? [{ kind: "persist", state: PROMISE }, answer] : [answer];
  };
  return { heard, step, wakeAt: Infinity } as unknown as NodeProtocol & {
    readonly heard: NodeProtocolInput[];
  };
}

function recorder(): Logger & { readonly lines: string[] } {
  const lines: string[] = [];
  const note = (message: string): void => void lines.push(message);
  return { lines, debug: note, info: note, warn: note, error: note, child: () => recorder() };
}

describe("the protocol on a machine whose disk is full", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "bootstrap-state-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  function begin() {
    const disk = { isFull: true, tries: 0 };
    const logger = recorder();
    const stateFile = new StateFile({
      path: join(folder, "state"),
      logger,
      again: { initialMs: 1, maxMs: 2, factor: 2 },
      write: (path, content, options) => {
        disk.tries += 1;
        const full = Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
        return disk.isFull ? Promise.reject(full) : writeFileAtomic(path, content, options);
      },
    });
    const sent: Uint8Array[] = [];
    const core = protocol();
    const driver = new ProtocolDriver({
      protocol: core,
      outlets: { stateFile, send: (_, bytes) => sent.push(bytes), multicast: () => {}, notify: () => {} },
      clock: systemClock,
      logger,
    });
    return { disk, logger, stateFile, sent, core, driver };
  }
  const datagram: NodeProtocolInput = { kind: "datagram", from: "[::1]:1", bytes: ANSWER };

  it("stays, says so once, tries again, and says nothing to others that is not on disk", async () => {
    const { disk, logger, stateFile, sent, driver } = begin();
    await using _ = driver;
    const answered = driver.feed(datagram);
    void driver.feed(datagram);
    await waitFor(() => disk.tries > 3, { what: "further tries", timeoutMs: 5_000, everyMs: 1 });
    expect(sent).to.deep.equal([]);
    expect(stateFile.problem).to.match(/no space left/);
    expect(logger.lines).to.deep.equal(["the state cannot be written; this machine is silent until it can"]);
    disk.isFull = false;
    await answered;
    await driver.feed(datagram);
    expect(sent).to.have.length(3);
    expect(new Uint8Array(await readFile(join(folder, "state")))).to.deep.equal(PROMISE);
    expect(stateFile.problem).to.equal(undefined);
    expect(logger.lines.at(-1)).to.equal("the state is written again");
  });

  it("keeps no more messages than it can bear while it waits", async () => {
    const { disk, core, driver } = begin();
    await using _ = driver;
    for (let count = 0; count < 50_000; count += 1) void driver.feed(datagram);
    disk.isFull = false;
    await driver.feed({ kind: "wake" });
    expect(core.heard.length).to.be.at.most(1_100);
    expect(core.heard.at(-1)).to.deep.equal({ kind: "wake" });
  });

  it("can be stopped all the same", async () => {
    const { driver, sent } = begin();
    void driver.feed(datagram);
    await driver[Symbol.asyncDispose]();
    expect(sent).to.deep.equal([]);
    expect(process.exitCode).to.equal(undefined);
  });
});
