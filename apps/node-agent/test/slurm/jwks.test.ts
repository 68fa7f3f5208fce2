import { signingKeyAt, type SlurmKeys } from "@cluster-os/api";
import { expect } from "chai";
import fc from "fast-check";
import { planJwks, type JwksSeen } from "../../src/slurm/jwks.ts";
import { atWorkWithMunge, generationsOf, keyDigest, planKeys, type KeyFiles } from "../../src/slurm/keys.ts";
import { describeAction, planSlurm, type SlurmObserved } from "../../src/slurm/plan.ts";
import { slurmReport } from "../../src/slurm/report.ts";
import { NO_PART, wishOf, type SlurmWish } from "../../src/slurm/wish.ts";
import { carriedOut, kinds } from "./carried-out.ts";
import { BARE, copy, keys, ME, NEXT_KEY, NOW_MS, seen, secret } from "./fixtures.ts";

const STAGED = keys({ next: NEXT_KEY });
const SWITCHED = keys({ next: NEXT_KEY, switchAt: new Date(NOW_MS).toISOString() });
const PROMOTED = keys({ current: NEXT_KEY });

/** The machine once all that is planned for these keys was done. */
function after(wished: SlurmKeys, before: JwksSeen = {}): JwksSeen {
  const { write, load } = planJwks(before, wished, NOW_MS);
  return [...write, ...load].reduce<JwksSeen>(
    (jwks, action) =>
      action.kind === "write-jwks" ? { ...jwks, text: action.text } : { ...jwks, atWork: action.atWork },
    before,
  );
}

describe("slurm: keys of auth/slurm", () => {
  const cases: readonly {
    readonly name: string;
    readonly here: JwksSeen;
    readonly wished: SlurmKeys;
    readonly expected: readonly string[];
  }[] = [
    {
      name: "a new machine gets the one in use",
      here: {},
      wished: keys(),
      expected: ["write-jwks 1", "load-jwks 1"],
    },
    { name: "nothing where it is at work", here: after(keys()), wished: keys(), expected: [] },
    {
      name: "the next one is believed before it signs",
      here: after(keys()),
      wished: STAGED,
      expected: ["write-jwks 1", "load-jwks 1"],
    },
    {
      name: "at the instant the next one signs",
      here: after(STAGED),
      wished: SWITCHED,
      expected: ["write-jwks 2", "load-jwks 2"],
    },
    {
      name: "in the end the old one is believed no more",
      here: after(SWITCHED),
      wished: PROMOTED,
      expected: ["write-jwks 2", "load-jwks 2"],
    },
    {
      name: "what was written and not read is read",
      here: { ...after(keys()), text: after(STAGED).text },
      wished: STAGED,
      expected: ["load-jwks 1"],
    },
    {
      name: "what somebody changed is written again, and read",
      here: { ...after(keys()), text: "{}" },
      wished: keys(),
      expected: ["write-jwks 1", "load-jwks 1"],
    },
  ];
  for (const { name, here, wished, expected } of cases) {
    it(name, () => {
      const { write, load } = planJwks(here, wished, NOW_MS);
      expect([...write, ...load].map(({ kind, generation }) => `${kind} ${generation}`)).to.deep.equal(
        expected,
      );
    });
  }

  for (const [name, here, wished, expected] of [
    ["one", after(keys()), keys(), { current: 1 }],
    ["one that is yet to be read", after(keys()), STAGED, { current: 1 }],
    ["both, once it is", after(STAGED), STAGED, { current: 1, next: 2 }],
    ["one that signs, and the old one is no news", after(SWITCHED), SWITCHED, { current: 2 }],
    ["none that are another cluster's", after(keys()), keys({ current: NEXT_KEY }), {}],
  ] as const) {
    it(`tells ${name}`, () =>
      expect(generationsOf(here.atWork ?? { others: [] }, wished)).to.deep.equal(expected));
  }

  it("whatever the order in which machines read them, none signs what another would refuse", () => {
    const rounds = fc.array(fc.nat({ max: 3 }), { minLength: 40, maxLength: 120 });
    fc.assert(
      fc.property(rounds, (order) => {
        expect(rotate(order)).to.equal("understood");
      }),
    );
  });
});

/** Four machines of which `order` says who acts next; the keys go on as slurm-operator has them, when all have told what it takes. */
function rotate(order: readonly number[]): string {
  const machines: JwksSeen[] = Array.from({ length: 4 }, () => after(keys()));
  const steps = [
    { wished: STAGED, isDone: ({ next }: Told) => next === 2 },
    { wished: SWITCHED, isDone: ({ current }: Told) => current === 2 },
    { wished: PROMOTED, isDone: () => false },
  ];
  let step = 0;
  for (const at of order) {
    const { wished, isDone } = steps[step] ?? expect.fail("no step");
    machines[at] = after(wished, machines[at]);
    const told = machines.map(({ atWork }) => generationsOf(atWork ?? { others: [] }, wished));
    if (told.every(isDone)) step += 1;
    const all = machines.map(({ atWork }) => atWork ?? expect.fail("no keys"));
    for (const { signing = "" } of all)
      if (!all.every((other) => [other.signing, ...other.others].includes(signing)))
        return `refused in ${step}`;
  }
  return "understood";
}
type Told = ReturnType<typeof generationsOf>;

describe("slurm: a machine with auth/slurm", () => {
  const wish = wishFor(keys());

  it("needs no munge: its keys are there before slurmd starts, and are known to be read after", () => {
    expect(kinds(planSlurm(BARE, wish, NOW_MS).actions)).to.deep.equal([
      "write-jwks",
      "write-hosts",
      "write-redirect",
      "write-environment",
      "limit-jobs",
      "start-unit slurmd.service",
      "load-jwks",
      "reserve",
    ]);
  });

  it("does nothing where all is done", () => {
    expect(planSlurm(settled(BARE), wish, NOW_MS)).to.deep.equal({ actions: [], problems: [] });
  });

  it("a next key restarts nothing", () => {
    const { actions } = planSlurm(settled(BARE), wishFor(STAGED), NOW_MS);
    expect(kinds(actions)).to.deep.equal(["write-jwks", "load-jwks"]);
  });

  it("that had munge begins slurmd anew, which is told where its keys are, and stops munged", () => {
    const before = {
      ...settled(BARE),
      units: { "munge.service": "active", "slurmd.service": "active" },
    } as const;
    const { actions } = planSlurm({ ...before, environment: "of munge" }, wish, NOW_MS);
    expect(kinds(actions)).to.deep.equal([
      "write-environment",
      "restart-unit slurmd.service",
      "stop-unit munge.service",
    ]);
    const text = actions.find((action) => action.kind === "write-environment")?.text;
    expect(text).to.match(/^SLURM_SACK_JWKS=\/etc\/slurm\/slurm\.jwks$/m);
  });

  it("reports them as it does munge's", () => {
    const reported = (machine: SlurmObserved, wished: SlurmWish) =>
      slurmReport({
        machine,
        wish: wished,
        controller: { unit: "inactive", state: copy("follows") },
        problems: [],
      }).keyGenerations;
    const files: KeyFiles = { current: secret(1), next: secret(2) };
    const withMunge = wishOf(seen({ keys: STAGED }), ME) as SlurmWish;
    expect(planKeys(files, STAGED, NOW_MS)).to.deep.equal([]);
    expect(reported({ ...BARE, keyFiles: files }, withMunge)).to.deep.equal({ current: 1, next: 2 });
    expect(reported({ ...BARE, jwks: after(STAGED) }, wishFor(STAGED))).to.deep.equal({
      current: 1,
      next: 2,
    });
    expect(reported({ ...BARE, keyFiles: files }, wishFor(STAGED))).to.equal(undefined);
  });

  it("no key is in what is logged or written down", () => {
    const { actions } = planSlurm(BARE, wishFor(STAGED), NOW_MS);
    const logged = JSON.stringify([
      actions.map(describeAction),
      after(STAGED).atWork,
      atWorkWithMunge({ current: secret(1) }),
    ]);
    for (const { secret: bytes } of [signingKeyAt(STAGED, NOW_MS), NEXT_KEY]) {
      expect(logged).not.to.include(Buffer.from(bytes.subarray(0, 32)).toString("base64").slice(0, 20));
      expect(logged).not.to.include(Buffer.from(bytes.subarray(0, 32)).toString("hex").slice(0, 20));
    }
    expect(logged).to.include(keyDigest(NEXT_KEY.secret));
  });

  /** The machine after the plan was carried out. */
  function settled(before: SlurmObserved): SlurmObserved {
    return planSlurm(before, wish, NOW_MS).actions.reduce(carriedOut, before);
  }
});

function wishFor(wished: SlurmKeys): SlurmWish {
  const wish = wishOf(seen({ auth: "slurm", keys: wished }), ME);
  return wish === undefined || wish === NO_PART ? expect.fail("it takes no part") : wish;
}
