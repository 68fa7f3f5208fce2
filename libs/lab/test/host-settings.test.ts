import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect } from "chai";
import { raiseHostSettings, restoreHostSettings } from "../src/drivers/host-settings.ts";
import { planRaise, planRestore } from "../src/host-settings.ts";

describe("planRaise", () => {
  const settings = [{ name: "a", least: 100 }, { name: "b" }];
  const cases = [
    { name: "raises what is too little", current: { a: "99", b: "1" }, expected: { a: "100" } },
    { name: "leaves what is enough", current: { a: "100", b: "1" }, expected: {} },
    { name: "never makes less", current: { a: "5000" }, expected: {} },
    { name: "leaves out what this kernel does not have", current: {}, expected: {} },
  ];
  for (const { name, current, expected } of cases) {
    it(name, () => expect(planRaise(settings, current)).to.deep.equal(expected));
  }
});

describe("planRestore", () => {
  const cases = [
    {
      name: "gives back what changed",
      saved: { a: "1", b: "2" },
      current: { a: "100", b: "2" },
      expected: { a: "1" },
    },
    {
      name: "has nothing to do where all is as before",
      saved: { a: "200" },
      current: { a: "200" },
      expected: {},
    },
    { name: "leaves out what is not there", saved: { a: "1" }, current: {}, expected: {} },
  ];
  for (const { name, saved, current, expected } of cases) {
    it(name, () => expect(planRestore(saved, current)).to.deep.equal(expected));
  }
});

describe("host settings", () => {
  const INOTIFY = "fs/inotify/max_user_instances";
  const PANIC = "kernel/panic";
  let folder: string;
  let places: { kernel: string; record: string };
  const read = (name: string): Promise<string> => readFile(join(places.kernel, name), "utf8");
  const write = async (name: string, value: string): Promise<void> => {
    await mkdir(dirname(join(places.kernel, name)), { recursive: true });
    await writeFile(join(places.kernel, name), value);
  };
  const nobody = (): Promise<boolean> => Promise.resolve(false);
  const somebody = (): Promise<boolean> => Promise.resolve(true);

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "lab-settings-"));
    places = { kernel: join(folder, "sys"), record: join(folder, "record.json") };
    await write(INOTIFY, "128\n");
    await write(PANIC, "0\n");
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("are raised for machines, and given back with what machines changed", async () => {
    await raiseHostSettings(places);
    expect(await read(INOTIFY)).to.equal("1024");
    await write(PANIC, "10\n");
    await restoreHostSettings(nobody, places);
    expect([await read(INOTIFY), await read(PANIC)]).to.deep.equal(["128", "0"]);
    expect(await readdir(folder)).to.deep.equal(["sys"]);
  });

  it("stay raised while another lab is up, and are given back by the last", async () => {
    await raiseHostSettings(places);
    await raiseHostSettings(places);
    await restoreHostSettings(somebody, places);
    expect(await read(INOTIFY)).to.equal("1024");
    await restoreHostSettings(nobody, places);
    expect(await read(INOTIFY)).to.equal("128");
  });

  it("are left alone when no lab was up, or the host was restarted since", async () => {
    await restoreHostSettings(nobody, places);
    await writeFile(places.record, JSON.stringify({ bootId: "an earlier one", values: { [INOTIFY]: "7" } }));
    await restoreHostSettings(nobody, places);
    expect(await read(INOTIFY)).to.equal("128\n");
  });
});
