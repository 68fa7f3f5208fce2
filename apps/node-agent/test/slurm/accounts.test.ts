import type { SlurmUser } from "@cluster-os/api";
import { expect } from "chai";
import fc from "fast-check";
import { planAccounts, type Account, type AccountAction } from "../../src/slurm/accounts.ts";

describe("slurm: accounts", () => {
  const ada: SlurmUser = {
    name: "ada",
    uid: 2000,
    fullName: "Ada Lovelace",
    sshKeys: ["ssh-ed25519 AAAA ada"],
  };
  const account: Account = {
    name: "ada",
    uid: 2000,
    fullName: "Ada Lovelace",
    isOurs: true,
    isLocked: false,
    sshKeys: ["ssh-ed25519 AAAA ada"],
  };
  const cases: readonly {
    name: string;
    accounts: readonly Account[];
    users: readonly SlurmUser[];
    actions?: readonly string[];
    problem?: string;
  }[] = [
    {
      name: "a user is added, with keys",
      accounts: [],
      users: [ada],
      actions: ["add-account", "set-ssh-keys"],
    },
    { name: "nothing where it is there", accounts: [account], users: [ada], actions: [] },
    {
      name: "another full name",
      accounts: [{ ...account, fullName: "A" }],
      users: [ada],
      actions: ["rename-person"],
    },
    {
      name: "keys that went",
      accounts: [account],
      users: [{ name: "ada", uid: 2000, fullName: "Ada Lovelace" }],
      actions: ["set-ssh-keys"],
    },
    {
      name: "who is no longer declared is locked out",
      accounts: [account],
      users: [],
      actions: ["lock-account"],
    },
    { name: "once", accounts: [{ ...account, isLocked: true }], users: [], actions: [] },
    {
      name: "and comes back",
      accounts: [{ ...account, isLocked: true }],
      users: [ada],
      actions: ["unlock-account"],
    },
    {
      name: "a person's own account is never touched",
      accounts: [{ ...account, isOurs: false }],
      users: [],
      actions: [],
    },
    {
      name: "nor taken over",
      accounts: [{ ...account, isOurs: false }],
      users: [ada],
      actions: [],
      problem: "an account of this machine already",
    },
    {
      name: "a uid is one person's",
      accounts: [{ ...account, name: "bob", isOurs: false }],
      users: [ada],
      actions: [],
      problem: "uid 2000 is bob's",
    },
    {
      name: "a uid does not change",
      accounts: [{ ...account, uid: 2001 }],
      users: [ada],
      actions: [],
      problem: "has uid 2001 on this machine, and 2000",
    },
  ];
  for (const { name, accounts, users, actions = [], problem } of cases) {
    it(name, () => {
      const plan = planAccounts(accounts, users);
      expect(plan.actions.map(({ kind }) => kind)).to.deep.equal(actions);
      if (problem === undefined) expect(plan.problems).to.deep.equal([]);
      else expect(plan.problems.join()).to.include(problem);
    });
  }

  it("settles, on what was declared", () => {
    const user = fc.record({
      name: fc.constantFrom("ada", "bob", "eve"),
      uid: fc.constantFrom(2000, 2001, 2002),
      fullName: fc.constantFrom("", "A"),
      sshKeys: fc.subarray(["ssh-ed25519 AAAA x", "ssh-ed25519 BBBB y"]),
    });
    const users = fc
      .uniqueArray(user, { selector: ({ name }) => name })
      .filter((all) => new Set(all.map(({ uid }) => uid)).size === all.length);
    fc.assert(
      fc.property(users, users, (first, second) => {
        const after = [first, second].reduce<readonly Account[]>(
          (accounts, wished) => planAccounts(accounts, wished).actions.reduce(applied, accounts),
          [],
        );
        const { actions, problems } = planAccounts(after, second);
        expect(actions).to.deep.equal([]);
        const refused = second.filter(({ name }) =>
          problems.some(
            (problem) => problem.startsWith(`user ${name}:`) || problem.startsWith(`user ${name} `),
          ),
        );
        const open = after
          .filter(({ isLocked }) => !isLocked)
          .map(({ name, uid, sshKeys }) => ({ name, uid, sshKeys }));
        const wished = second
          .filter((one) => !refused.includes(one))
          .map(({ name, uid, sshKeys }) => ({ name, uid, sshKeys }));
        expect(open).to.have.deep.members([
          ...wished,
          ...open.filter(({ name }) => refused.some((one) => one.name === name)),
        ]);
      }),
    );
  });
});

function applied(accounts: readonly Account[], action: AccountAction): readonly Account[] {
  const change = (changes: Partial<Account>): readonly Account[] =>
    accounts.map((account) => (account.name === action.name ? { ...account, ...changes } : account));
  switch (action.kind) {
    case "add-account":
      return [
        ...accounts,
        {
          name: action.name,
          uid: action.uid,
          fullName: action.fullName,
          isOurs: true,
          isLocked: false,
          sshKeys: [],
        },
      ];
    case "rename-person":
      return change({ fullName: action.fullName });
    case "set-ssh-keys":
      return change({ sshKeys: action.sshKeys });
    case "unlock-account":
      return change({ isLocked: false });
    case "lock-account":
      return change({ isLocked: true, sshKeys: [] });
  }
}
