import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { seededRng } from "@cluster-os/std";
import { KeyFileError, loadOrCreateKeys } from "../src/drivers/index.ts";

describe("key files", () => {
  let folder = "";
  beforeEach(async () => void (folder = join(await mkdtemp(join(tmpdir(), "cluster-os-keys-")), "identity")));
  afterEach(() => rm(join(folder, ".."), { recursive: true }));

  it("are made on first boot, private, and read back ever after", async () => {
    const first = await loadOrCreateKeys(folder, seededRng(1));
    const second = await loadOrCreateKeys(folder, seededRng(2));
    expect(first.created).to.equal(true);
    expect(second.created).to.equal(false);
    expect(second.identity.nodeId).to.equal(first.identity.nodeId);
    expect(second.wireguard).to.deep.equal(first.wireguard);
    expect(second.sealing).to.deep.equal(first.sealing);
    expect((await stat(folder)).mode & 0o777).to.equal(0o700);
    for (const name of ["ed25519.pem", "wireguard.key", "sealing.key"]) {
      expect((await stat(join(folder, name))).mode & 0o777).to.equal(0o600);
    }
  });

  it("refuses a damaged identity, says what to do, and leaves it as it is", async () => {
    await loadOrCreateKeys(folder, seededRng(1));
    const path = join(folder, "ed25519.pem");
    await writeFile(path, "garbage");
    const failure = await loadOrCreateKeys(folder, seededRng(2)).then(
      () => undefined,
      (error: Error) => error,
    );
    expect(failure).to.be.instanceOf(KeyFileError);
    expect(failure?.message).to.include(path).and.to.include("Restore it from a backup");
    expect(await readFile(path, "utf8")).to.equal("garbage");
  });

  it("refuses an empty identity: a full disk on first boot must not make a new node on the next", async () => {
    await loadOrCreateKeys(folder, seededRng(1));
    await writeFile(join(folder, "ed25519.pem"), "");
    expect(
      await loadOrCreateKeys(folder, seededRng(2)).then(
        () => "made",
        () => "refused",
      ),
    ).to.equal("refused");
  });

  it("refuses a damaged WireGuard key", async () => {
    await loadOrCreateKeys(folder, seededRng(1));
    await writeFile(join(folder, "wireguard.key"), "AAAA\n");
    expect(await loadOrCreateKeys(folder, seededRng(2)).catch((error: Error) => error.message)).to.include(
      "wireguard.key",
    );
  });

  it("closes a folder that others could read", async () => {
    await loadOrCreateKeys(folder, seededRng(1));
    await chmod(folder, 0o755);
    await loadOrCreateKeys(folder, seededRng(1));
    expect((await stat(folder)).mode & 0o777).to.equal(0o700);
  });
});
