import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { ALL_PACKAGES, parse, PACKAGE_NAMES, REPOSITORY } from "../deb/args.ts";
import { deliver, fill } from "../deb/dpkg.ts";
import { kept, keyOf, keyOfFiles } from "../deb/kept.ts";
import { programsCalled, unitsOf } from "../deb/units.ts";

describe("deb: arguments", () => {
  it("builds both packages into dist by default", () => {
    expect(parse([])).to.deep.equal({
      out: join(REPOSITORY, "dist"),
      apps: join(REPOSITORY, "apps"),
      kubernetes: undefined,
      packages: PACKAGE_NAMES,
    });
  });

  it("builds one package elsewhere", () => {
    expect(parse(["--out", "/tmp/x", "cluster-os"])).to.deep.include({
      out: "/tmp/x",
      packages: ["cluster-os"],
    });
  });

  for (const argv of [["nonsense"], ["--nonsense"], ["--out"]]) {
    it(`refuses ${argv.join(" ")}`, () => expect(() => parse(argv)).to.throw(TypeError));
  }
});

describe("deb: packaging scripts", () => {
  it("get their values, and no value is forgotten", () => {
    expect(fill("Version: @VERSION@ @VERSION@", { VERSION: "1" })).to.equal("Version: 1 1");
    expect(() => fill("for unit in @UNITS@", {})).to.throw("@UNITS@, which has no value");
  });

  it("leave an address with an at sign alone", () => {
    expect(fill("Maintainer: A <a@example.org>", {})).to.equal("Maintainer: A <a@example.org>");
  });
});

describe("deb: units", () => {
  const cases = [
    {
      name: "the program of Node and the script it runs",
      unit: "[Service]\nExecStart=/usr/lib/cluster-os/bin/node /usr/lib/cluster-os/bootstrap.js --flag\n",
      expected: ["/usr/lib/cluster-os/bin/node", "/usr/lib/cluster-os/bootstrap.js"],
    },
    {
      name: "programs with prefixes, once each",
      unit: "ExecStartPre=-/usr/lib/cluster-os/libexec/a x\nExecStop=/usr/lib/cluster-os/libexec/a y\n",
      expected: ["/usr/lib/cluster-os/libexec/a"],
    },
    {
      name: "no folders that are arguments, no other lines",
      unit: "# /usr/lib/cluster-os/bin/x\nExecStart=/usr/bin/y /usr/lib/cluster-os/images\nDescription=/usr/lib/cluster-os/bin/z\n",
      expected: [],
    },
  ];
  for (const { name, unit, expected } of cases) {
    it(`a unit calls ${name}`, () => expect(programsCalled(unit)).to.deep.equal(expected));
  }

  it("every unit of infra/systemd is in exactly one package", async () => {
    const both = await Promise.all(ALL_PACKAGES.map(unitsOf));
    const packed = both.flatMap((units) => units.entries).sort();
    const present = (await readdir(join(REPOSITORY, "infra/systemd")))
      .filter((name) => name.includes("."))
      .sort();
    expect(packed).to.deep.equal(present.filter((name) => !name.endsWith(".md")));
    expect(new Set(packed).size).to.equal(packed.length);
  });

  for (const [packageName, names] of [
    ["cluster-os-kubernetes", ["kubelet.service"]],
    ["cluster-os-k3s", ["k3s.service", "k3s-agent.service"]],
  ] as const) {
    it(`${names.join(" and ")}: started by bootstrap, never at boot`, async () => {
      const { entries, enabled } = await unitsOf(packageName);
      expect(entries).to.include.members([...names]);
      expect(enabled).not.to.include.members([...names]);
    });
  }
});

describe("deb: results kept by content", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "deb-test-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("are made once per key", async () => {
    let made = 0;
    const make = async (draft: string): Promise<void> => {
      made += 1;
      await writeFile(join(draft, "result"), String(made));
    };
    for (const key of [keyOf("a"), keyOf("a"), keyOf("b")]) await kept(folder, key, make);
    expect(await readFile(join(folder, keyOf("a"), "result"), "utf8")).to.equal("1");
    expect(made).to.equal(2);
  });

  it("leave nothing of an attempt that failed", async () => {
    const attempt = kept(folder, keyOf("a"), () => Promise.reject(new Error("no space")));
    expect(String(await attempt.catch((error: unknown) => error))).to.include("no space");
    expect(await readdir(folder)).to.deep.equal([]);
  });

  it("are found by content, name and permissions, not by where one word ends", async () => {
    expect(keyOf("ab", "c")).not.to.equal(keyOf("a", "bc"));
    const file = join(folder, "x/file");
    await mkdir(join(folder, "x"));
    await writeFile(file, "content");
    const before = await keyOfFiles(join(folder, "x"));
    await chmod(file, 0o755);
    const executable = await keyOfFiles(join(folder, "x"));
    await writeFile(file, "other");
    expect(new Set([before, executable, await keyOfFiles(join(folder, "x"))]).size).to.equal(3);
  });

  it("are delivered once, and replace other versions of the same package only", async () => {
    const out = join(folder, "out");
    await mkdir(out);
    for (const name of ["p_1_amd64.deb", "p-extra_1_amd64.deb"]) await writeFile(join(out, name), "old");
    await writeFile(join(folder, "p_2_amd64.deb"), "new");
    expect(await deliver(join(folder, "p_2_amd64.deb"), out)).to.equal(join(out, "p_2_amd64.deb"));
    expect((await readdir(out)).sort()).to.deep.equal(["p-extra_1_amd64.deb", "p_2_amd64.deb"]);
  });
});
