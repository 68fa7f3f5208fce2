import type { SlurmClusterSpec } from "@cluster-os/api";
import { expect } from "chai";
import fc from "fast-check";
import { planToken, type TokenObserved, type TokenPlan } from "../src/plan/token.ts";
import { NOW } from "./fixtures.ts";

const CLUSTER: Pick<SlurmClusterSpec, "users" | "rest"> = {
  users: [
    { name: "ada", uid: 2000 },
    { name: "eve", uid: 999 },
  ],
  rest: { enabled: true },
};
const ASKED: TokenObserved = {
  spec: { user: "ada", lifetime: "1h" },
  generation: 3,
  before: undefined,
  cluster: CLUSTER,
  keyGeneration: 5,
  believedGeneration: 5,
  nowMs: NOW,
};
const S = NOW / 1000;
const HOUR_MS = 3_600_000;

const readyOf = ({ status }: TokenPlan) => status.conditions?.find(({ type }) => type === "Ready");
const given = planToken(ASKED).status;

describe("planToken", () => {
  it("gives a declared user a token for as long as was asked", () => {
    const { claims, status, lookAgainMs } = planToken(ASKED);
    expect(claims).to.deep.equal({ user: "ada", issuedAt: S, expiresAt: S + 3600 });
    expect(status).to.deep.include({
      user: "ada",
      issuedAt: "2026-06-01T12:00:00Z",
      expiresAt: "2026-06-01T13:00:00Z",
      keyGeneration: 5,
      observedGeneration: 3,
    });
    expect(readyOf({ claims, status, lookAgainMs })).to.include({ status: "True", reason: "Issued" });
    expect(lookAgainMs).to.equal((HOUR_MS * 2) / 3);
  });

  const again: readonly {
    readonly name: string;
    readonly change: Partial<TokenObserved>;
    readonly isNew: boolean;
  }[] = [
    { name: "nothing changed", change: { nowMs: NOW + 1000 }, isNew: false },
    { name: "shortly before two thirds", change: { nowMs: NOW + (HOUR_MS * 2) / 3 - 1 }, isNew: false },
    { name: "at two thirds", change: { nowMs: NOW + (HOUR_MS * 2) / 3 }, isNew: true },
    {
      name: "the keys are others",
      change: { nowMs: NOW + 1000, keyGeneration: 6, believedGeneration: 6 },
      isNew: true,
    },
    {
      name: "another lifetime",
      change: { nowMs: NOW + 1000, spec: { user: "ada", lifetime: "2h" } },
      isNew: true,
    },
    {
      name: "another user",
      change: {
        nowMs: NOW + 1000,
        spec: { user: "bob" },
        cluster: { ...CLUSTER, users: [{ name: "bob", uid: 2001 }] },
      },
      isNew: true,
    },
    { name: "made by a clock that was ahead", change: { nowMs: NOW - 60_000 }, isNew: true },
  ];
  for (const { name, change, isNew } of again)
    it(`${isNew ? "another token" : "the same token"}: ${name}`, () => {
      const { claims } = planToken({ ...ASKED, before: given, ...change });
      expect(claims).to.have.property("issuedAt", isNew ? Math.floor((change.nowMs ?? NOW) / 1000) : S);
    });

  const pending: TokenObserved = { ...ASKED, keyGeneration: 6, before: given };
  const beliefs: readonly {
    readonly name: string;
    readonly observed: TokenObserved;
    readonly reason: "Issued" | "KeyPending";
  }[] = [
    {
      name: "slurmctld has the keys of before",
      observed: pending,
      reason: "KeyPending",
    },
    {
      name: "nobody says, and it never was taken",
      observed: { ...ASKED, believedGeneration: undefined },
      reason: "KeyPending",
    },
    {
      name: "nobody says, and what was taken was of other keys",
      observed: { ...pending, believedGeneration: undefined },
      reason: "KeyPending",
    },
    {
      name: "nobody says, and these keys are still not taken",
      observed: { ...pending, before: planToken(pending).status, believedGeneration: undefined },
      reason: "KeyPending",
    },
    {
      name: "the controller moves: it is given the key before it starts",
      observed: { ...ASKED, before: given, believedGeneration: undefined },
      reason: "Issued",
    },
    {
      name: "slurmctld has taken them",
      observed: { ...pending, before: planToken(pending).status, believedGeneration: 6 },
      reason: "Issued",
    },
  ];
  for (const { name, observed, reason } of beliefs)
    it(`a token is there, and ${reason === "Issued" ? "" : "not yet "}taken: ${name}`, () => {
      const plan = planToken(observed);
      expect(plan.claims).to.have.property("user", "ada");
      expect(readyOf(plan)).to.include({ reason, status: reason === "Issued" ? "True" : "False" });
    });

  const refusals: readonly {
    readonly name: string;
    readonly change: Partial<TokenObserved>;
    readonly reason: string;
    readonly message: RegExp;
    readonly isUnknown?: boolean;
  }[] = [
    {
      name: "somebody whom the SlurmCluster does not have",
      change: { spec: { user: "mallory" } },
      reason: "UserUnknown",
      message: /mallory is not in spec.users of SlurmCluster default: it has ada, eve$/,
    },
    {
      name: "a user of the system",
      change: { spec: { user: "eve" } },
      reason: "UserOfSystem",
      message: /eve has number 999/,
    },
    { name: "root", change: { spec: { user: "root" } }, reason: "UserUnknown", message: /root is not in/ },
    {
      name: "a REST API that is off",
      change: { cluster: { ...CLUSTER, rest: { enabled: false } } },
      reason: "RestDisabled",
      message: /set spec.rest.enabled/,
    },
    {
      name: "no SlurmCluster",
      change: { cluster: undefined },
      reason: "NoSlurmCluster",
      message: /there is no SlurmCluster/,
      isUnknown: true,
    },
    {
      name: "no keys",
      change: { keyGeneration: undefined },
      reason: "NoKeys",
      message: /has no keys that can be read/,
      isUnknown: true,
    },
    {
      name: "a user with a line of its own",
      change: { spec: { user: "ada\nroot" } },
      reason: "SpecInvalid",
      message: /^spec\.user: a user is one of/,
    },
    {
      name: "a lifetime of a week",
      change: { spec: { user: "ada", lifetime: "168h" } },
      reason: "SpecInvalid",
      message: /^spec\.lifetime: a lifetime is .* a day at most/,
    },
    {
      name: "a user of nonsense, where the Secret could not be emptied: it is tried again",
      change: { spec: { user: "Ada Lovelace" }, problem: "exceeded quota" },
      reason: "SecretRefused",
      message: /exceeded quota/,
      isUnknown: true,
    },
    {
      name: "a Secret of somebody else's",
      change: { problem: "field is immutable" },
      reason: "SecretRefused",
      message: /cannot be written: field is immutable\. If it is somebody else's/,
      isUnknown: true,
    },
  ];
  for (const { name, change, reason, message, isUnknown = false } of refusals)
    it(`no token for ${name}`, () => {
      const plan = planToken({ ...ASKED, before: given, ...change });
      // What is only not known takes nothing away, and the status goes on knowing of it.
      expect(plan.claims).to.equal(isUnknown ? undefined : "nothing");
      expect(plan.status.user).to.equal(isUnknown ? "ada" : undefined);
      expect(readyOf(plan)).to.include({ status: "False", reason });
      expect(readyOf(plan)?.message).to.match(message);
    });

  it("no one but a declared user with a person's number ever gets one, and for a day at most", () => {
    const user = fc.constantFrom("ada", "bob", "eve", "root", "slurm");
    const uid = fc.integer({ min: 0, max: 3000 });
    const observed = fc.record({
      name: user,
      users: fc.uniqueArray(fc.record({ name: user, uid }), { selector: ({ name }) => name }),
      enabled: fc.boolean(),
      lifetime: fc.constantFrom("10m", "1h", "24h", "25h", "1s", "soon"),
      sinceMs: fc.integer({ min: -HOUR_MS, max: 48 * HOUR_MS }),
    });
    fc.assert(
      fc.property(observed, ({ name, users, enabled, lifetime, sinceMs }) => {
        const { claims } = planToken({
          ...ASKED,
          spec: { user: name, lifetime },
          before: given,
          cluster: { users, rest: { enabled } },
          nowMs: NOW + sinceMs,
        });
        if (claims === undefined || claims === "nothing") return;
        const found = users.find((one) => one.name === claims.user);
        expect(claims.user).to.equal(name);
        expect(enabled).to.equal(true);
        expect(found?.uid).to.be.at.least(1000);
        expect(claims.expiresAt * 1000).to.be.greaterThan(NOW + sinceMs);
        expect(claims.expiresAt * 1000 - (NOW + sinceMs)).to.be.at.most(24 * HOUR_MS);
      }),
    );
  });
});
