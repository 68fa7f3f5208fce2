import { z } from "zod";
import { matching, ruled, shaped } from "../rules.ts";

/** Names that Debian, SLURM and Cluster-OS use themselves. */
const SYSTEM_USERS = [
  ..."root daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc nobody".split(" "),
  ..."messagebus sshd slurm munge etcd haproxy chrony cluster-os".split(" "),
];

const NAME_MESSAGE =
  "a user's name begins with a small letter and has up to 31 small letters, digits, _ and -";

const UserName = ruled(z.string().min(1).max(31), [
  matching(/^[a-z][a-z0-9_-]{0,30}$/, NAME_MESSAGE),
  {
    cel: `!(self in ${JSON.stringify(SYSTEM_USERS)}) && !self.startsWith('systemd-')`,
    holds: (name) => !SYSTEM_USERS.includes(name) && !name.startsWith("systemd-"),
    message: "this is a user of the system itself; choose another name",
  },
]);

const SSH_KEY =
  /^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-ssh-ed25519@openssh\.com|sk-ecdsa-sha2-nistp256@openssh\.com) [A-Za-z0-9+/]{32,}={0,3}( [A-Za-z0-9@._+-]([A-Za-z0-9 @._+-]*[A-Za-z0-9@._+-])?)?$/;

const User = z.object({
  name: UserName.describe("Login name."),
  uid: z
    .int()
    .min(1000)
    .max(59_999)
    .describe("Number of the user, and of a group of the same name, on every node. It stays the user's."),
  fullName: shaped(/^[^:,\p{Cc}]*$/u, 128, "a full name is on one line, without colons and commas")
    .optional()
    .describe("The person's name."),
  sshKeys: z
    .array(
      // No CEL: so many texts, so long, are beyond what the API server lets rules cost.
      z
        .string()
        .max(2048)
        .regex(
          SSH_KEY,
          "an SSH key is one line as in a file NAME.pub: its type, for example ssh-ed25519, the key in base64, a comment or none; no options",
        ),
    )
    .max(16)
    .optional()
    .meta({
      description: "Public keys with which the user may log in on any node.",
      "x-kubernetes-list-type": "set",
    }),
});
export type SlurmUser = z.output<typeof User>;

export const Users = ruled(
  z
    .array(User)
    .max(256)
    .default([])
    .meta({ "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"] }),
  [
    {
      cel: "self.all(one, self.exists_one(other, other.uid == one.uid))",
      holds: (users) => new Set(users.map(({ uid }) => uid)).size === users.length,
      message: "no two users have one uid",
    },
  ],
);
