import type { SlurmUser } from "@cluster-os/api";

/** Accounts of people that are ours are members of this group: what Debian or a person made is never touched. */
export const ACCOUNTS_GROUP = "cluster-os-users";

export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly fullName: string;
  /** Whether it is a member of {@link ACCOUNTS_GROUP}. */
  readonly isOurs: boolean;
  readonly isLocked: boolean;
  /** Public keys with which it may log in, in order, as far as they are ours. */
  readonly sshKeys: readonly string[];
}

export type AccountAction =
  | { readonly kind: "add-account"; readonly name: string; readonly uid: number; readonly fullName: string }
  | { readonly kind: "rename-person"; readonly name: string; readonly fullName: string }
  | { readonly kind: "set-ssh-keys"; readonly name: string; readonly sshKeys: readonly string[] }
  | { readonly kind: "unlock-account"; readonly name: string }
  /** The home directory stays: what is in it is the person's. */
  | { readonly kind: "lock-account"; readonly name: string };

export interface AccountPlan {
  readonly actions: readonly AccountAction[];
  /** What stands in the way of users, in words. */
  readonly problems: readonly string[];
}

/** What brings the people's accounts to what is declared. The same name has the same number everywhere, or no account. */
export function planAccounts(accounts: readonly Account[], users: readonly SlurmUser[]): AccountPlan {
  const actions: AccountAction[] = [];
  const problems: string[] = [];
  for (const user of users) {
    const problem = problemOf(user, accounts);
    if (problem !== undefined) problems.push(problem);
    else
      actions.push(
        ...planUser(
          user,
          accounts.find(({ name }) => name === user.name),
        ),
      );
  }
  for (const { name, isOurs, isLocked } of accounts) {
    if (isOurs && !isLocked && !users.some((user) => user.name === name))
      actions.push({ kind: "lock-account", name });
  }
  return { actions, problems };
}

function planUser(
  { name, uid, fullName = "", sshKeys = [] }: SlurmUser,
  account: Account | undefined,
): AccountAction[] {
  const actions: AccountAction[] = [];
  if (!account) actions.push({ kind: "add-account", name, uid, fullName });
  if (account && account.fullName !== fullName) actions.push({ kind: "rename-person", name, fullName });
  if (account?.isLocked === true) actions.push({ kind: "unlock-account", name });
  if (!isSame(account?.sshKeys ?? [], sshKeys)) actions.push({ kind: "set-ssh-keys", name, sshKeys });
  return actions;
}

function problemOf({ name, uid }: SlurmUser, accounts: readonly Account[]): string | undefined {
  const same = accounts.find((account) => account.name === name);
  const other = accounts.find((account) => account.uid === uid && account.name !== name);
  if (other) return `user ${name}: uid ${uid} is ${other.name}'s on this machine`;
  if (same && !same.isOurs) return `user ${name} is an account of this machine already`;
  if (same && same.uid !== uid)
    return `user ${name} has uid ${same.uid} on this machine, and ${uid} in the spec`;
  return undefined;
}

function isSame(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((line, index) => line === right[index]);
}
