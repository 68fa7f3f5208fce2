import { execa } from "execa";
import { readFileIfExists } from "@cluster-os/std/drivers";
import { ACCOUNTS_GROUP, type Account, type AccountAction } from "../slurm/accounts.ts";
import { readSshKeys, writeSshKeys } from "./slurm-files.ts";

/** Accounts with these numbers are people's. */
const PEOPLE = { from: 1000, to: 59_999 };

/** The accounts of people on this machine. */
export async function readAccounts(): Promise<readonly Account[]> {
  const [passwd, group, shadow] = await Promise.all(
    ["/etc/passwd", "/etc/group", "/etc/shadow"].map(readTable),
  );
  const [, , , members = ""] = group?.find(([name]) => name === ACCOUNTS_GROUP) ?? [];
  const ours = new Set(members.split(","));
  const people = (passwd ?? []).filter(([, , uid]) => Number(uid) >= PEOPLE.from && Number(uid) <= PEOPLE.to);
  return Promise.all(
    people.map(async ([name = "", , uid, , comment = ""]): Promise<Account> => {
      const isOurs = ours.has(name);
      const [, , , , , , , expires = ""] = shadow?.find(([one]) => one === name) ?? [];
      return {
        name,
        uid: Number(uid),
        fullName: comment.split(",")[0] ?? "",
        isOurs,
        isLocked: expires !== "" && Number(expires) <= 1,
        sshKeys: isOurs ? await readSshKeys(name) : [],
      };
    }),
  );
}

/** By the programs that Debian makes accounts with. Names were checked by the schema, and are no options. */
export async function actAccount(action: AccountAction): Promise<void> {
  const { name } = action;
  switch (action.kind) {
    case "add-account": {
      const uid = String(action.uid);
      await execa("groupadd", ["--force", "--system", ACCOUNTS_GROUP]);
      await execa("groupadd", ["--gid", uid, "--", name]);
      const person = ["--comment", action.fullName, "--shell", "/bin/bash", "--create-home"];
      await execa("useradd", ["--uid", uid, "--gid", uid, "--groups", ACCOUNTS_GROUP, ...person, "--", name]);
      return;
    }
    case "rename-person":
      await execa("usermod", ["--comment", action.fullName, "--", name]);
      return;
    case "set-ssh-keys":
      return writeSshKeys(name, action.sshKeys);
    case "unlock-account":
      await execa("usermod", ["--expiredate", "", "--", name]);
      return;
    case "lock-account":
      await writeSshKeys(name, []);
      await execa("usermod", ["--expiredate", "1", "--", name]);
      return;
    default:
      action satisfies never;
  }
}

async function readTable(path: string): Promise<readonly (readonly string[])[]> {
  const text = (await readFileIfExists(path))?.toString("utf8") ?? "";
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.split(":"));
}
