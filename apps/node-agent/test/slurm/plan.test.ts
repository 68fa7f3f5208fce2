import { describeRule } from "@cluster-os/firewall";
import { expect } from "chai";
import { slurmctldEnvironment, slurmdEnvironment, withSlurmNames } from "../../src/slurm/files.ts";
import { atWorkWithMunge, generationsOf, planKeys, switchInMs, type KeyFiles } from "../../src/slurm/keys.ts";
import { jobLimits } from "../../src/slurm/limits.ts";
import { kubeletReservation } from "../../src/slurm/reservation.ts";
import { describeAction, planSlurm, type SlurmObserved } from "../../src/slurm/plan.ts";
import { NO_PART, wishOf, type Self, type SlurmSeen, type SlurmWish } from "../../src/slurm/wish.ts";
import { carriedOut, kinds } from "./carried-out.ts";
import { BARE, CONFIG, keys, lease, ME, NEXT_KEY, NOW_MS, OTHER, secret, seen } from "./fixtures.ts";

/** What is wished of a machine that takes part. */
function wishFor(api: SlurmSeen, self: Self = ME): SlurmWish {
  const wish = wishOf(api, self);
  if (wish === undefined || wish === NO_PART) return expect.fail("it takes no part");
  return wish;
}

const at = (offsetMs: number): string => new Date(NOW_MS + offsetMs).toISOString();

describe("slurm: what the API wants of this machine", () => {
  it("all of it, where it is the controller", () => {
    expect(wishFor(seen())).to.deep.include({
      settings: CONFIG.nodes[ME.name],
      controllerAddress: ME.address,
    });
    expect(wishFor(seen()).controller).to.deep.include({ config: CONFIG, lease: lease() });
  });

  it("no controller where another holds the Lease", () => {
    const wish = wishFor(seen({ lease: lease({ holder: OTHER.name }) }));
    expect(wish.controller).to.equal(undefined);
    expect(wish.controllerAddress).to.equal(OTHER.address);
  });

  it("no address while one is being chosen, or while the status names another than the Lease", () => {
    const { holder: _, ...rest } = lease();
    expect(wishFor(seen({ lease: rest })).controllerAddress).to.equal(undefined);
    const behind = {
      ...seen({ lease: lease({ holder: OTHER.name }) }),
      lease: seen({ lease: lease({ holder: "n-cccccccccc" }) }).lease,
    };
    expect(wishFor(behind).controllerAddress).to.equal(undefined);
  });

  for (const [name, without] of [
    ["it is not among the nodes", { ...seen(), config: seen({ config: { ...CONFIG, nodes: {} } }).config }],
    ["there is no SlurmCluster", { ...seen(), cluster: undefined }],
  ] as const) {
    it(`no part where ${name}`, () => expect(wishOf(without, ME)).to.equal(NO_PART));
  }

  for (const [name, without] of [
    ["there are no keys", { ...seen(), keys: undefined }],
    ["the keys cannot be read", { ...seen(), keys: { metadata: {}, data: {} } }],
    ["there is no configuration", { ...seen(), config: undefined }],
    ["the configuration cannot be read", { ...seen(), config: { metadata: {}, data: {} } }],
    [
      "the configuration is that of a SlurmCluster before this one",
      { ...seen({ auth: "slurm" }), config: seen().config },
    ],
  ] as const) {
    it(`nothing is said where ${name}`, () => expect(wishOf(without, ME)).to.equal(undefined));
  }
});

describe("slurm: keys", () => {
  const next = { next: NEXT_KEY };
  const cases: readonly {
    name: string;
    files: KeyFiles;
    wished: ReturnType<typeof keys>;
    expected: readonly string[];
  }[] = [
    { name: "a new machine takes the one in use", files: {}, wished: keys(), expected: ["use-key 1"] },
    { name: "nothing where it is there", files: { current: secret(1) }, wished: keys(), expected: [] },
    {
      name: "another's key is replaced",
      files: { current: secret(7) },
      wished: keys(),
      expected: ["use-key 1"],
    },
    {
      name: "the next one is laid ready",
      files: { current: secret(1) },
      wished: keys(next),
      expected: ["stage-key 2"],
    },
    {
      name: "before the instant nothing changes",
      files: { current: secret(1), next: secret(2) },
      wished: keys({ ...next, switchAt: at(1) }),
      expected: [],
    },
    {
      name: "at the instant the next one signs",
      files: { current: secret(1), next: secret(2) },
      wished: keys({ ...next, switchAt: at(0) }),
      expected: ["use-key 2", "drop-staged-key"],
    },
    {
      name: "a machine that was away takes the newest at once",
      files: { current: secret(1) },
      wished: keys({ ...next, switchAt: at(-60_000) }),
      expected: ["use-key 2"],
    },
    {
      name: "after the rotation nothing is left to do",
      files: { current: secret(2) },
      wished: keys({ current: NEXT_KEY }),
      expected: [],
    },
  ];
  for (const { name, files, wished, expected } of cases) {
    it(name, () => {
      const actions = planKeys(files, wished, NOW_MS);
      expect(
        actions.map((action) => ("key" in action ? `${action.kind} ${action.key.generation}` : action.kind)),
      ).to.deep.equal(expected);
    });
  }

  it("knows when the instant is", () => {
    expect(switchInMs(keys({ ...next, switchAt: at(700) }), NOW_MS)).to.equal(700);
    expect(switchInMs(keys({ ...next, switchAt: at(-1) }), NOW_MS)).to.equal(undefined);
    expect(switchInMs(keys(next), NOW_MS)).to.equal(undefined);
  });

  it("tells which are here, and of a foreign one nothing", () => {
    const both = atWorkWithMunge({ current: secret(1), next: secret(2) });
    expect(generationsOf(both, keys(next))).to.deep.equal({ current: 1, next: 2 });
    expect(generationsOf(atWorkWithMunge({ current: secret(9) }), keys())).to.deep.equal({});
  });
});

describe("slurm: files", () => {
  it("the controller's name leads to its machine, and to no other", () => {
    const once = withSlurmNames("127.0.0.1 localhost\n", "10.86.0.1");
    expect(once).to.equal(
      "127.0.0.1 localhost\n10.86.0.1 slurmctl # cluster-os: slurm\n0.0.0.0 anyaddr # cluster-os: slurm\n",
    );
    expect(withSlurmNames(once, "10.86.0.2")).to.equal(once.replace("10.86.0.1", "10.86.0.2"));
    expect(withSlurmNames(once, undefined)).to.equal(once);
  });

  it("slurmd says what jobs may use", () => {
    const settings = { cpus: 3, memoryMib: 1024, features: ["a", "b"], gres: "gpu:2" };
    const text = slurmdEnvironment(settings, "munge");
    expect(text).to.include(
      `SLURMD_OPTIONS="-Z --conf-server slurmctl --conf 'CPUs=3 RealMemory=1024 Feature=a,b Gres=gpu:2'"\n`,
    );
  });
});

describe("slurm: the signer in the environment of daemons", () => {
  const settings = { cpus: 1, memoryMib: 1, features: [] };
  const texts = (auth: "munge" | "slurm") => [slurmdEnvironment(settings, auth), slurmctldEnvironment(auth)];

  it("where keys of auth/slurm are, if they sign", () => {
    for (const text of texts("slurm")) expect(text).to.match(/^SLURM_SACK_JWKS=\/etc\/slurm\/slurm\.jwks$/m);
  });

  it("nothing where munge signs: SLURM would take it for auth/slurm", () => {
    for (const text of texts("munge")) expect(text).not.to.include("SACK");
  });
});

describe("slurm: the share of jobs", () => {
  const cases: readonly (readonly [string, number, number, string])[] = [
    ["is the last processors of many", 6, 8, "2-7"],
    ["is one of two", 1, 2, "1"],
    ["is the only one there is", 1, 1, "0"],
    ["is all of them", 4, 4, "0-3"],
    ["is no more than there are, where the API counts more", 8, 4, "0-3"],
  ];
  for (const [name, cpus, processors, expected] of cases)
    it(name, () => {
      const limits = jobLimits({ cpus, memoryMib: 2 }, processors);
      expect(limits).to.deep.equal({ MemoryMax: "2097152", AllowedCPUs: expected });
    });
});

describe("slurm: what the kubelet is told of the jobs' share", () => {
  const reserved = (cpus: number, processors: number): unknown =>
    (JSON.parse(kubeletReservation({ cpus, memoryMib: 1500 }, processors)) as { systemReserved: unknown })
      .systemReserved;

  it("is no pod's", () => {
    expect(reserved(3, 4)).to.deep.equal({ cpu: "3", memory: "1500Mi" });
  });

  it("leaves pods the only processor, which the two share", () => {
    expect(reserved(1, 1)).to.deep.equal({ memory: "1500Mi" });
    // The API counts more than there are.
    expect(reserved(8, 4)).to.deep.equal({ memory: "1500Mi" });
  });
});

describe("slurm: this machine", () => {
  const wish = wishFor(seen());

  it("a bare machine gets its key before munged starts, and munged before slurmd", () => {
    expect(kinds(planSlurm(BARE, wish, NOW_MS).actions)).to.deep.equal([
      "use-key",
      "restart-unit munge.service",
      "write-hosts",
      "write-redirect",
      "write-environment",
      "limit-jobs",
      "start-unit slurmd.service",
      "reserve",
    ]);
  });

  it("does nothing where all is done", () => {
    const done = settled(BARE);
    expect(planSlurm(done, wish, NOW_MS)).to.deep.equal({ actions: [], problems: [] });
  });

  it("a moved controller costs slurmd nothing", () => {
    const moved = wishFor(seen({ lease: lease({ holder: OTHER.name }) }));
    expect(kinds(planSlurm(settled(BARE), moved, NOW_MS).actions)).to.deep.equal([
      "write-hosts",
      "write-redirect",
    ]);
  });

  it("what was begun with the last controller's address goes to where it is now", () => {
    const lastly = wishFor(seen({ lease: lease({ holder: OTHER.name }) }));
    const { actions } = planSlurm(settled(BARE), lastly, NOW_MS);
    const write = actions.find((action) => action.kind === "write-redirect");
    expect(write?.ruleset.chains.flatMap(({ rules }) => rules.map(describeRule))).to.deep.equal([
      `ip daddr 10.86.0.0/16 ip daddr != ${OTHER.address} tcp dport 6817 dnat to ${OTHER.address}  # to where it is now`,
    ]);
  });

  it("a machine whose packet filter does not answer takes its part all the same, and says so", () => {
    const deaf = { ...BARE, redirectProblem: "there is no nft" };
    const { actions, problems } = planSlurm(deaf, wish, NOW_MS);
    expect(kinds(actions)).to.include("start-unit slurmd.service").and.not.include("write-redirect");
    expect(problems).to.deep.equal(["there is no nft"]);
  });

  it("nothing is led elsewhere while a controller is being chosen, or before the mesh is up", () => {
    const { holder: _, ...none } = lease();
    expect(planSlurm(settled(BARE), wishFor(seen({ lease: none })), NOW_MS).actions).to.deep.equal([]);
    const early = wishFor(seen(), { name: ME.name, address: ME.address });
    expect(kinds(planSlurm(BARE, early, NOW_MS).actions)).not.to.include("write-redirect");
  });

  it("slurmd waits for the first controller", () => {
    const { holder: _, ...none } = lease();
    const { actions } = planSlurm(BARE, wishFor(seen({ lease: none })), NOW_MS);
    expect(kinds(actions)).not.to.include("start-unit slurmd.service");
  });

  it("another share of the machine restarts slurmd", () => {
    const config = { ...CONFIG, nodes: { [ME.name]: { cpus: 1, memoryMib: 500, features: [] } } };
    expect(kinds(planSlurm(settled(BARE), wishFor(seen({ config })), NOW_MS).actions)).to.deep.equal([
      "write-environment",
      "limit-jobs",
      "restart-unit slurmd.service",
      "reserve",
    ]);
  });

  it("jobs are held to their share again whoever changed that, and go on", () => {
    const loose = { ...settled(BARE), limits: { MemoryMax: "infinity", AllowedCPUs: "2-3" } };
    const { actions } = planSlurm(loose, wish, NOW_MS);
    expect(actions).to.deep.equal([
      { kind: "limit-jobs", limits: { MemoryMax: "1048576000", AllowedCPUs: "2-3" } },
    ]);
  });

  it("tells the kubelet of the jobs' share once more where it has yet to be started with that", () => {
    const cutOff = { ...settled(BARE), reservation: "" };
    expect(kinds(planSlurm(cutOff, wish, NOW_MS).actions)).to.deep.equal(["reserve"]);
    const leaving = planSlurm({ ...BARE, reservation: "" }, undefined, NOW_MS);
    expect(kinds(leaving.actions)).to.deep.equal(["release"]);
  });

  it("who takes no part stops", () => {
    expect(kinds(planSlurm(settled(BARE), undefined, NOW_MS).actions)).to.deep.equal([
      "stop-unit slurmd.service",
      "stop-unit munge.service",
      "remove-redirect",
      "release",
    ]);
    expect(planSlurm(BARE, undefined, NOW_MS).actions).to.deep.equal([]);
  });

  it("no key is in what is logged", () => {
    const { actions } = planSlurm(BARE, wishFor(seen({ keys: keys({ next: NEXT_KEY }) })), NOW_MS);
    const logged = JSON.stringify(actions.map(describeAction));
    expect(logged).to.include('"generation":2').and.not.include("1,1,1");
  });

  /** The machine after the plan was carried out. */
  function settled(before: SlurmObserved): SlurmObserved {
    const { actions } = planSlurm(before, wish, NOW_MS);
    return actions.reduce(carriedOut, before);
  }
});
