import { slurmNodeOf, ConfigurationError, renderConfig, shareOf } from "@cluster-os/slurm";
import { INVALID_SPECS } from "@cluster-os/api/testing";
import { expect } from "chai";
import fc from "fast-check";
import { MIXED, node, RICH, THREE } from "./fixtures.ts";
import { expectGolden } from "./golden.ts";

/** All files after another, as a person reads them. */
function asText({ files, nodes }: ReturnType<typeof renderConfig>): string {
  const parts = Object.entries(files).map(([name, text]) => `--- ${name}\n${text}`);
  return [...parts, `--- nodes\n${JSON.stringify(nodes, undefined, 2)}\n`].join("");
}

/** What SLURM reads as the beginning of each parameter, wherever it stands. */
function words(text: string): readonly string[] {
  return text
    .split("\n")
    .filter((line) => !line.startsWith("#"))
    .flatMap((line) => line.split(/\s+/))
    .filter((word) => word !== "")
    .map((word) => word.split("=")[0] ?? "");
}

describe("renderConfig", () => {
  it("nothing asked for, three machines", () => {
    expectGolden("default.txt", asText(renderConfig("default", undefined, THREE)));
  });

  it("everything asked for, machines of all kinds", () => {
    expectGolden("rich.txt", asText(renderConfig("default", RICH, MIXED)));
  });

  it("GPUs by NVIDIA's library", () => {
    const { files } = renderConfig("default", { gpuDetection: "NVML" }, MIXED);
    expect(files["gres.conf"]?.split("\n").slice(1)).to.deep.equal(["NodeName=n-gpu AutoDetect=nvml", ""]);
  });

  it("only nodes with the labels take part", () => {
    const { nodes } = renderConfig("default", { nodeLabels: { rack: "7" } }, MIXED);
    expect(Object.keys(nodes)).to.deep.equal(["n-big", "n-gpu"]);
  });

  it("a machine that comes does not change what slurmctld reads; a GPU does", () => {
    const hash = (...more: Parameters<typeof node>[]) =>
      renderConfig("default", {}, [...THREE, ...more.map((one) => node(...one))]).hash;
    expect(hash(["n-d"])).to.equal(hash());
    const gpus = [{ address: "0000:01:00.0", vendor: "AMD" as const, driver: "amdgpu" }];
    expect(hash(["n-d", { gpus }])).not.to.equal(hash());
  });

  it("the order of the machines makes no difference", () => {
    const expected = renderConfig("default", RICH, MIXED);
    fc.assert(
      fc.property(fc.shuffledSubarray([...MIXED], { minLength: MIXED.length }), (nodes) => {
        expect(renderConfig("default", RICH, nodes)).to.deep.equal(expected);
      }),
      { numRuns: 30, seed: 7 },
    );
  });

  for (const { name, spec } of INVALID_SPECS) {
    it(`is a second gate for ${name}`, () => {
      expect(() => renderConfig("default", spec, THREE)).to.throw(ConfigurationError, /^spec\./);
    });
  }

  it("a node whose name is no word is refused", () => {
    expect(() => renderConfig("default", {}, [node("n-a State=DOWN")])).to.throw(
      ConfigurationError,
      "name of a node",
    );
  });

  /** Each puts a text where a user may write one. */
  const places: readonly ((text: string) => Record<string, unknown>)[] = [
    (clusterName) => ({ clusterName }),
    (name) => ({ partitions: [{ name }] }),
    (maxTime) => ({ partitions: [{ name: "p", maxTime }] }),
    (defaultTime) => ({ partitions: [{ name: "p", defaultTime }] }),
    (one) => ({ partitions: [{ name: "p", nodes: [one] }] }),
    (label) => ({ partitions: [{ name: "p", nodeLabels: { rack: label } }] }),
    (host) => ({ database: { host } }),
    (label) => ({ topology: { label } }),
    (name) => ({ extraConfiguration: [{ name, value: "1" }] }),
    (value) => ({ extraConfiguration: [{ name: "KillWait", value }] }),
    (auth) => ({ auth }),
  ];
  const nasty = fc.oneof(
    fc.string({ maxLength: 40 }),
    fc.string({ unit: "binary", maxLength: 20 }),
    fc
      .array(
        fc.constantFrom(
          "a",
          "\n",
          "\r",
          "\\",
          "#",
          " ",
          "=",
          '"',
          "Include",
          "SlurmUser=root",
          "<%",
          "\u2028",
          "\0",
          "\t",
        ),
        { maxLength: 6 },
      )
      .map((parts) => parts.join("")),
  );
  const usual = new Set(
    [renderConfig("default", RICH, MIXED), renderConfig("default", {}, THREE)].flatMap(({ files }) =>
      words(files["slurm.conf"] ?? ""),
    ),
  );
  it("no text of a user begins a parameter, a line or a comment", () => {
    fc.assert(
      fc.property(fc.nat(places.length - 1), nasty, (index, text) => {
        const spec = places[index]?.(text) ?? {};
        const labelled = [node("n-a", { labels: { rack: text } }), node("n-b")];
        let files: Readonly<Record<string, string>>;
        try {
          ({ files } = renderConfig("default", spec, labelled));
        } catch (error) {
          expect(error).to.be.instanceOf(ConfigurationError);
          return;
        }
        const given = spec["extraConfiguration"] as readonly { name: string }[] | undefined;
        const unknown = words(files["slurm.conf"] ?? "").filter(
          (word) => !usual.has(word) && word !== given?.[0]?.name,
        );
        expect(unknown).to.deep.equal([]);
        expect(files["slurm.conf"]).not.to.match(/[^\x20-\x7e\n]/);
        for (const line of (files["topology.conf"] ?? "").split("\n").slice(1))
          expect(line).to.match(/^$|^SwitchName=[A-Za-z0-9_.-]+ (Nodes|Switches)=[A-Za-z0-9_.,-]+$/);
      }),
      { numRuns: 1000, seed: 11 },
    );
  });

  it("a topology's switches are words, whatever the labels are", () => {
    fc.assert(
      fc.property(nasty, (text) => {
        const { files } = renderConfig("default", { topology: { label: "rack" } }, [
          node("n-a", { labels: { rack: text } }),
          node("n-b"),
        ]);
        for (const line of (files["topology.conf"] ?? "").split("\n").slice(1))
          expect(line).to.match(/^$|^SwitchName=[A-Za-z0-9_.-]+ (Nodes|Switches)=[A-Za-z0-9_.,-]+$/);
      }),
      { numRuns: 500, seed: 13 },
    );
  });
});

describe("shareOf", () => {
  it("jobs and pods never have more than there is, and both have something", () => {
    const percent = fc.integer({ min: 1, max: 100 });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 512 }),
        fc.integer({ min: 1, max: 4e6 }),
        percent,
        percent,
        (cpus, memoryMib, cpuPercent, memoryPercent) => {
          const { jobs, pods } = shareOf({ cpus, memoryMib }, { cpuPercent, memoryPercent });
          expect(jobs.cpus + pods.cpus).to.equal(cpus);
          expect(jobs.memoryMib + pods.memoryMib).to.equal(memoryMib);
          expect(Math.min(jobs.cpus, jobs.memoryMib)).to.be.at.least(1);
          if (cpus > 1) expect(pods.cpus).to.be.at.least(1);
          if (memoryMib > 1)
            expect(pods.memoryMib).to.be.at.least(Math.min(2048, Math.floor(0.75 * memoryMib)));
        },
      ),
    );
  });
});

describe("shareOf: what pods keep", () => {
  // [processors, MiB] of the machine, per cent of both, [processors, MiB] of the jobs
  const cases = [
    [[64, 262_144], 75, [48, 196_608]],
    [[2, 24_000], 75, [1, 18_000]],
    [[4, 8192], 95, [3, 6144]],
    [[4, 4096], 75, [3, 2048]],
    [[2, 2048], 75, [1, 512]],
    [[1, 1024], 75, [1, 256]],
  ] as const;
  for (const [[cpus, memoryMib], percent, expected] of cases)
    it(`jobs have ${expected.join(" processors and ")} MiB of ${cpus} and ${memoryMib}, where ${percent} % are theirs`, () => {
      const { jobs } = shareOf({ cpus, memoryMib }, { cpuPercent: percent, memoryPercent: percent });
      expect([jobs.cpus, jobs.memoryMib]).to.deep.equal(expected);
    });
});

describe("slurmNodeOf", () => {
  const object = { apiVersion: "", kind: "ClusterNode", metadata: { name: "n-a" } } as const;
  const cases = [
    ["64319Mi", 64_319],
    ["2Gi", 2048],
    ["1048576Ki", 1024],
    ["1073741824", 1024],
  ] as const;
  for (const [memory, memoryMib] of cases) {
    it(`${memory} of memory is ${memoryMib} MiB`, () => {
      const status = { capabilities: { cpu: 2, memory, gpus: 0 } };
      expect(slurmNodeOf({ ...object, status })?.memoryMib).to.equal(memoryMib);
    });
  }
  it("a machine that has not reported is none", () => {
    expect(slurmNodeOf(object)).to.equal(undefined);
  });
});
