import { mkdtemp, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { identityFromSeed } from "@cluster-os/identity";
import { loadOrCreateKeys, WireGuardKeyFiles } from "@cluster-os/identity/drivers";
import { ROTATION_POLICY } from "@cluster-os/mesh";
import { seededRng, silentLogger } from "@cluster-os/std";
import { expect } from "chai";
import { isMeshKeyProven, MeshKeys } from "../src/mesh-keys.ts";

const DAY_MS = 86_400_000;

describe("the WireGuard keys of a machine", () => {
  let folder: string;
  /** How far the wall clock is ahead of the files' times. */
  let aheadMs = 0;
  const told: string[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "bootstrap-keys-"));
    aheadMs = 0;
    told.length = 0;
  });
  afterEach(() => rm(folder, { recursive: true }));

  async function start(): Promise<MeshKeys> {
    const rng = seededRng(Number(told.length));
    const { wireguard, identity } = await loadOrCreateKeys(folder, rng);
    return new MeshKeys({
      nodeId: identity.nodeId,
      current: wireguard,
      files: new WireGuardKeyFiles(folder, rng, () => Date.now() + aheadMs),
      onAnnounced: () => void told.push("announced"),
      onSwitched: () => void told.push("switched"),
      logger: silentLogger,
    });
  }

  it("stay while they are young", async () => {
    const keys = await start();
    await keys.round();
    expect(told).to.deep.equal([]);
    expect(keys.described()).to.have.all.keys("wireguardKey", "wireguardProof");
  });

  it("are described with the proof that they are this machine's", async () => {
    const keys = await start();
    aheadMs = 31 * DAY_MS;
    await keys.round();
    const { wireguardKey, wireguardProof, nextWireguardKey, nextWireguardProof } = keys.described();
    const { identity } = await loadOrCreateKeys(folder, seededRng(1));
    const stranger = identityFromSeed(new Uint8Array(32).fill(9));
    for (const [key, proof] of [
      [wireguardKey, wireguardProof],
      [nextWireguardKey!, nextWireguardProof],
    ] as const) {
      expect(isMeshKeyProven(key, proof, identity.nodeId)).to.equal(true);
      expect(isMeshKeyProven(key, proof, stranger.nodeId)).to.equal(false);
    }
    expect(isMeshKeyProven(wireguardKey, undefined, identity.nodeId)).to.equal(false);
  });

  it("are replaced when they are old: announced, then used, and that is all", async () => {
    const keys = await start();
    const old = keys.current.publicKey;
    aheadMs = 31 * DAY_MS;
    await keys.round();
    const next = keys.described().nextWireguardKey;
    expect(keys.described().wireguardKey).to.deep.equal(old);
    expect(next).to.have.length(32).and.not.deep.equal(old);
    // Made now, by the same clock: not yet ripe.
    const made = (Date.now() + aheadMs) / 1000;
    await utimes(join(folder, "wireguard-next.key"), made, made);
    await keys.round();
    expect(told).to.deep.equal(["announced"]);
    aheadMs += ROTATION_POLICY.announceMs + 1000;
    await keys.round();
    expect(told).to.deep.equal(["announced", "switched", "announced"]);
    expect(keys.described().nextWireguardKey).to.equal(undefined);
    expect(keys.described().wireguardKey).to.deep.equal(next);
    await keys.round();
    expect(told).to.have.length(3);
    expect((await start()).current.publicKey, "after a restart").to.deep.equal(next);
  });

  it("are announced again after a restart in between, before they are used", async () => {
    const before = await start();
    aheadMs = 31 * DAY_MS;
    await before.round();
    const next = before.described().nextWireguardKey;
    const after = await start();
    told.length = 0;
    await after.round();
    expect(told).to.deep.equal(["announced"]);
    expect(after.described().nextWireguardKey).to.deep.equal(next);
    await after.round();
    expect(after.described().wireguardKey).to.deep.equal(next);
  });
});
