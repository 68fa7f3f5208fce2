/** A spec that nobody is to get through, and what a person is told: which field, and why. */
export interface InvalidSpec {
  readonly name: string;
  readonly spec: Readonly<Record<string, unknown>>;
  /** As the API server writes it, below spec. */
  readonly field: string;
  readonly reason: string;
}

const user = (change: object) => ({ users: [{ name: "ada", uid: 2000, ...change }] });
const partition = (change: object) => ({ partitions: [{ name: "all", ...change }] });
const extra = (name: string, value: string) => ({ extraConfiguration: [{ name, value }] });
const KEY = `ssh-ed25519 ${"A".repeat(68)}`;

/** Used against zod and, in tools/test, against a real API server. */
export const INVALID_SPECS: readonly InvalidSpec[] = [
  {
    name: "a cluster's name with a space",
    spec: { clusterName: "my cluster" },
    field: "clusterName",
    reason: "begins with a small letter",
  },
  { name: "no partition", spec: { partitions: [] }, field: "partitions", reason: "at least 1" },
  {
    name: "a partition that begins a line of its own",
    spec: partition({ name: "all\nInclude" }),
    field: "partitions[0].name",
    reason: "begins with a letter",
  },
  {
    name: "a partition with a parameter in its name",
    spec: partition({ name: "a=b" }),
    field: "partitions[0].name",
    reason: "begins with a letter",
  },
  {
    name: "a partition DEFAULT",
    spec: partition({ name: "Default" }),
    field: "partitions[0].name",
    reason: "word of slurm.conf",
  },
  {
    name: "two default partitions",
    spec: {
      partitions: [
        { name: "a", default: true },
        { name: "b", default: true },
      ],
    },
    field: "partitions",
    reason: "one partition at most is the default",
  },
  {
    name: "two partitions of one name",
    spec: { partitions: [{ name: "gpu" }, { name: "GPU" }] },
    field: "partitions",
    reason: "have one name",
  },
  {
    name: "nodes and labels",
    spec: partition({ nodes: ["n-a"], nodeLabels: { rack: "7" } }),
    field: "partitions[0]",
    reason: "not both",
  },
  {
    name: "a node with a blank",
    spec: partition({ nodes: ["n-a n-b"] }),
    field: "partitions[0].nodes[0]",
    reason: "kubectl get clusternodes",
  },
  {
    name: "a time nobody understands",
    spec: partition({ maxTime: "soon" }),
    field: "partitions[0].maxTime",
    reason: "a time is UNLIMITED",
  },
  { name: "another signer", spec: { auth: "none" }, field: "auth", reason: '"slurm"' },
  {
    name: "an even number of replicas",
    spec: { controller: { replicas: 2 } },
    field: "controller",
    reason: "replicas is 1, 3, 5 or 7",
  },
  {
    name: "a lease too short to be renewed",
    spec: { controller: { leaseSeconds: 1 } },
    field: "controller.leaseSeconds",
    reason: "5",
  },
  {
    name: "a preference that is no candidate",
    spec: { controller: { candidates: ["n-a"], preference: ["n-b"] } },
    field: "controller",
    reason: "every node of preference is one of candidates",
  },
  {
    name: "a user of the system",
    spec: user({ name: "root" }),
    field: "users[0].name",
    reason: "a user of the system",
  },
  {
    name: "a user with a line of passwd in the name",
    spec: user({ name: "eve:x:0:0" }),
    field: "users[0].name",
    reason: "begins with a small letter",
  },
  { name: "a uid of the system", spec: user({ uid: 0 }), field: "users[0].uid", reason: "1000" },
  {
    name: "one uid for two",
    spec: {
      users: [
        { name: "ada", uid: 2000 },
        { name: "eve", uid: 2000 },
      ],
    },
    field: "users",
    reason: "no two users have one uid",
  },
  {
    name: "a key with a command",
    spec: user({ sshKeys: [`command="sh" ${KEY}`] }),
    field: "users[0].sshKeys[0]",
    reason: "ssh-ed25519",
  },
  {
    name: "a key on two lines",
    spec: user({ sshKeys: [`${KEY} ada\n${KEY}`] }),
    field: "users[0].sshKeys[0]",
    reason: "ssh-ed25519",
  },
  {
    name: "a full name with a colon",
    spec: user({ fullName: "Ada:0:0" }),
    field: "users[0].fullName",
    reason: "without colons",
  },
  {
    name: "all memory for jobs",
    spec: { resources: { memoryPercent: 100 } },
    field: "resources.memoryPercent",
    reason: "95",
  },
  {
    name: "a parameter that is the cluster's",
    spec: extra("StateSaveLocation", "/tmp"),
    field: "extraConfiguration[0].name",
    reason: "writes this parameter itself",
  },
  {
    name: "the same in small letters",
    spec: extra("slurmctldhost", "evil"),
    field: "extraConfiguration[0].name",
    reason: "writes this parameter itself",
  },
  {
    name: "a file to include",
    spec: extra("Include", "/etc/shadow"),
    field: "extraConfiguration[0].name",
    reason: "writes this parameter itself",
  },
  {
    name: "an equals sign in a parameter's name",
    spec: extra("A=b", "c"),
    field: "extraConfiguration[0].name",
    reason: "one word of slurm.conf",
  },
  {
    name: "a value that begins a new line",
    spec: extra("DebugFlags", "a\nInclude /etc/shadow"),
    field: "extraConfiguration[0].value",
    reason: "without spaces",
  },
  {
    name: "a value with a second parameter",
    spec: extra("DebugFlags", "a SlurmUser=root"),
    field: "extraConfiguration[0].value",
    reason: "without spaces",
  },
  {
    name: "a value that goes on in the next line",
    spec: extra("DebugFlags", "a\\"),
    field: "extraConfiguration[0].value",
    reason: "without spaces",
  },
  {
    name: "a parameter twice",
    spec: {
      extraConfiguration: [
        { name: "KillWait", value: "1" },
        { name: "killwait", value: "2" },
      ],
    },
    field: "extraConfiguration",
    reason: "given once",
  },
  {
    name: "keys that change all the time",
    spec: { keys: { rotationInterval: "5m" } },
    field: "keys.rotationInterval",
    reason: "ten minutes at least",
  },
  {
    name: "an interval in days",
    spec: { keys: { rotationInterval: "30d" } },
    field: "keys.rotationInterval",
    reason: "an interval is hours",
  },
  {
    name: "a database on two lines",
    spec: { database: { host: "db\nSlurmUser=root" } },
    field: "database.host",
    reason: "a host is a name",
  },
  {
    name: "a topology by no label",
    spec: { topology: { label: "rack 7" } },
    field: "topology.label",
    reason: "a label's name",
  },
];
