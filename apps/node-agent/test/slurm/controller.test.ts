import { expect } from "chai";
import { planController, tokenKeyDigest, type ControllerObserved } from "../../src/slurm/controller.ts";
import type { ControllerWish } from "../../src/slurm/wish.ts";
import { CONFIG, CONFIG_OF_SLURM, copy, fencer, lease } from "./fixtures.ts";

const TOKEN_KEY = new Uint8Array(32).fill(7);
const WISH: ControllerWish = { config: CONFIG, lease: lease(), drains: [], tokenKey: TOKEN_KEY };
const REST: ControllerWish = { ...WISH, restAddress: "10.86.0.1" };
const RELEASE: ControllerWish = { ...WISH, lease: lease({ isReleaseWanted: true }) };
const NONE: ControllerObserved = { unit: "inactive", state: copy("follows") };
const HAS_KEY = { tokenKeyDigest: tokenKeyDigest(TOKEN_KEY) };
const READY: ControllerObserved = {
  unit: "inactive",
  configHash: CONFIG.hash,
  ...HAS_KEY,
  state: copy("leads"),
};
const RUNS: ControllerObserved = { ...READY, unit: "active", fencer: fencer() };
const IDLE_FENCER = fencer({ state: "waiting", pid: 0, epoch: 0, starts: 0 });
const WAITS: ControllerObserved = { ...RUNS, fencer: IDLE_FENCER };

interface Case {
  readonly name: string;
  readonly observed: ControllerObserved;
  readonly wish: ControllerWish | undefined;
  readonly expected: readonly string[];
}

function table(cases: readonly Case[]): void {
  for (const { name, observed, wish, expected } of cases) {
    it(name, () => expect(planController(observed, wish).map(({ kind }) => kind)).to.deep.equal(expected));
  }
}

describe("slurm: the controller's machine", () => {
  table([
    { name: "nothing where it is another", observed: NONE, wish: undefined, expected: [] },
    {
      name: "the state and a configuration before the start",
      observed: NONE,
      wish: WISH,
      expected: ["take-over", "apply-config", "use-token-key"],
    },
    {
      name: "the key of tokens before the start",
      observed: { ...READY, tokenKeyDigest: undefined },
      wish: WISH,
      expected: ["use-token-key", "start-controller"],
    },
    {
      name: "another key of tokens: no restart",
      observed: { ...RUNS, tokenKeyDigest: "old" },
      wish: WISH,
      expected: ["use-token-key"],
    },
    {
      name: "a start once the state is in place",
      observed: READY,
      wish: WISH,
      expected: ["start-controller"],
    },
    { name: "nothing while it runs as wished", observed: RUNS, wish: WISH, expected: [] },
    { name: "nothing while it waits to be vouched for", observed: WAITS, wish: WISH, expected: [] },
    {
      name: "another configuration: no restart",
      observed: { ...RUNS, configHash: "old" },
      wish: WISH,
      expected: ["apply-config"],
    },
    {
      name: "what was refused is not tried again",
      observed: { ...RUNS, configHash: "old", refusedHash: CONFIG.hash },
      wish: WISH,
      expected: [],
    },
    {
      name: "no start without any configuration",
      observed: { unit: "inactive", ...HAS_KEY, refusedHash: CONFIG.hash, state: copy("leads") },
      wish: WISH,
      expected: [],
    },
    {
      name: "a start with the last good one",
      observed: { ...READY, configHash: "old", refusedHash: CONFIG.hash },
      wish: WISH,
      expected: ["start-controller"],
    },
    {
      name: "an end where another signs: that is not taken over while it runs",
      observed: { ...RUNS, signer: "munge" },
      wish: { ...WISH, config: CONFIG_OF_SLURM },
      expected: ["stop-controller"],
    },
    {
      name: "and a start with it",
      observed: { ...READY, signer: "munge" },
      wish: { ...WISH, config: CONFIG_OF_SLURM },
      expected: ["apply-config", "start-controller"],
    },
    {
      name: "an end where another holds the Lease",
      observed: RUNS,
      wish: undefined,
      expected: ["stop-controller"],
    },
    {
      name: "an end where the epoch is another",
      observed: RUNS,
      wish: { ...WISH, lease: lease({ epoch: 4 }) },
      expected: ["stop-controller"],
    },
    {
      name: "a start after the unit failed",
      observed: { ...READY, unit: "failed" },
      wish: WISH,
      expected: ["start-controller"],
    },
  ]);
});

describe("slurm: the saved state before slurmctld", () => {
  const taken = (standing: Parameters<typeof copy>[0], observed = READY) => ({
    ...observed,
    state: copy(standing),
  });
  table([
    { name: "no start before the copy is open", observed: taken("closed"), wish: WISH, expected: [] },
    { name: "no start before there is a majority", observed: taken("takes-over"), wish: WISH, expected: [] },
    { name: "no start where another leads", observed: taken("outvoted"), wish: WISH, expected: [] },
    { name: "it is taken over once", observed: taken("follows"), wish: WISH, expected: ["take-over"] },
    {
      name: "never into the directory of one that ends",
      observed: { ...taken("follows"), unit: "deactivating" },
      wish: WISH,
      expected: [],
    },
    {
      name: "nor of one that may run: its fencer does not answer",
      observed: { ...taken("follows"), unit: "active" },
      wish: WISH,
      expected: [],
    },
    {
      name: "while the fencer has nothing to run",
      observed: taken("follows", WAITS),
      wish: WISH,
      expected: ["take-over"],
    },
    {
      name: "a new node-agent beside a running slurmctld: it goes on",
      observed: taken("closed", RUNS),
      wish: WISH,
      expected: [],
    },
    {
      name: "and is kept again from where it was",
      observed: taken("led", RUNS),
      wish: WISH,
      expected: ["take-over"],
    },
    { name: "also while no majority answers", observed: taken("takes-over", RUNS), wish: WISH, expected: [] },
    {
      name: "an end where another one has a majority",
      observed: taken("outvoted", RUNS),
      wish: WISH,
      expected: ["stop-controller"],
    },
    {
      name: "an end where its own store was lost",
      observed: taken("follows", RUNS),
      wish: WISH,
      expected: ["stop-controller"],
    },
  ]);
});

describe("slurm: the controller is to move", () => {
  table([
    { name: "slurmctld ends first", observed: RUNS, wish: RELEASE, expected: ["stop-controller"] },
    { name: "and has ended", observed: { ...READY, unit: "deactivating" }, wish: RELEASE, expected: [] },
    {
      name: "all is saved, and then the Lease given back",
      observed: READY,
      wish: RELEASE,
      expected: ["save-state", "give-lease-back"],
    },
    {
      name: "also by a node-agent that was not there before",
      observed: { ...READY, state: copy("led") },
      wish: RELEASE,
      expected: ["take-over"],
    },
    {
      name: "which waits for its copy",
      observed: { ...READY, state: copy("closed") },
      wish: RELEASE,
      expected: [],
    },
    {
      name: "and for a majority",
      observed: { ...READY, state: copy("takes-over") },
      wish: RELEASE,
      expected: [],
    },
    {
      name: "at once where nothing has run in this epoch",
      observed: { ...READY, state: copy("follows") },
      wish: RELEASE,
      expected: ["give-lease-back"],
    },
  ]);
});

describe("slurm: the REST API beside the controller", () => {
  const address = "10.86.0.1";
  table([
    {
      name: "begins where slurmctld runs",
      observed: { ...RUNS, rest: { unit: "inactive" } },
      wish: REST,
      expected: ["start-rest"],
    },
    {
      name: "begins anew on another address",
      observed: { ...RUNS, rest: { unit: "active", address: "10.86.0.9" } },
      wish: REST,
      expected: ["start-rest"],
    },
    {
      name: "nothing while it runs as wished",
      observed: { ...RUNS, rest: { unit: "active", address } },
      wish: REST,
      expected: [],
    },
    {
      name: "not before slurmctld is vouched for",
      observed: { ...WAITS, rest: { unit: "inactive" } },
      wish: REST,
      expected: [],
    },
    {
      name: "not before slurmctld runs",
      observed: { ...READY, rest: { unit: "inactive" } },
      wish: REST,
      expected: ["start-controller"],
    },
    {
      name: "ends where it is wished for no longer",
      observed: { ...RUNS, rest: { unit: "active", address } },
      wish: WISH,
      expected: ["stop-rest"],
    },
    {
      name: "an end by itself is not needed where slurmctld ends",
      observed: { ...RUNS, rest: { unit: "active", address } },
      wish: undefined,
      expected: ["stop-controller"],
    },
  ]);
});
