import {
  readSlurmConfig,
  readSlurmKeys,
  readSlurmLease,
  slurmConfigObject,
  slurmKeysObject,
  slurmLeaseObject,
  type SlurmConfig,
  type SlurmKeys,
  type SlurmLease,
} from "@cluster-os/api";
import { expect } from "chai";

const secret = new Uint8Array(64).fill(7);
const jwt = new Uint8Array(32).fill(9);
const current = { generation: 3, secret, madeAt: "2026-01-01T00:00:00Z" };
const next = { generation: 4, secret: new Uint8Array(64).fill(8), madeAt: "2026-02-01T00:00:00Z" };

describe("SLURM's objects in the API", () => {
  const keys: readonly { readonly name: string; readonly keys: SlurmKeys }[] = [
    { name: "one key", keys: { current, jwt, askedBy: "", revocations: "" } },
    { name: "a key that is handed out", keys: { current, next, jwt, askedBy: "now", revocations: "ab" } },
    {
      name: "a key that takes over at an instant",
      keys: { current, next, switchAt: "2026-02-01T00:01:00Z", jwt, askedBy: "", revocations: "" },
    },
  ];
  for (const { name, keys: wished } of keys) {
    it(`the Secret with ${name} is read as it was written`, () => {
      expect(readSlurmKeys(slurmKeysObject("default", wished))).to.deep.equal(wished);
    });
  }

  it("a Secret without a key, with a short one or without a generation is none", () => {
    const whole = slurmKeysObject("default", { current, jwt, askedBy: "", revocations: "" });
    expect(readSlurmKeys({ ...whole, data: { jwt: whole.data.jwt } })).to.equal(undefined);
    expect(readSlurmKeys({ ...whole, data: { ...whole.data, current: "AAAA" } })).to.equal(undefined);
    expect(readSlurmKeys({ ...whole, metadata: { ...whole.metadata, annotations: {} } })).to.equal(undefined);
    expect(readSlurmKeys(undefined)).to.equal(undefined);
  });

  it("a key's bytes stand in the data only", () => {
    const { metadata } = slurmKeysObject("default", { current, next, jwt, askedBy: "", revocations: "" });
    expect(JSON.stringify(metadata)).not.to.contain(Buffer.from(secret).toString("base64").slice(0, 20));
  });

  it("the ConfigMap is read as it was written", () => {
    const config: SlurmConfig = {
      hash: "abc",
      files: { "slurm.conf": "ClusterName=cluster\n" },
      nodes: { "n-a": { cpus: 3, memoryMib: 900, features: ["all"], gres: "gpu:2" } },
    };
    expect(readSlurmConfig(slurmConfigObject("default", config))).to.deep.equal(config);
    expect(readSlurmConfig({ metadata: {}, data: {} })).to.equal(undefined);
  });

  const leases: readonly { readonly name: string; readonly lease: SlurmLease }[] = [
    {
      name: "an election",
      lease: { epoch: 3, leaseSeconds: 8, replicas: ["n-a", "n-b"], mayFound: false, isReleaseWanted: false },
    },
    {
      name: "a holder that is to go",
      lease: {
        epoch: 4,
        holder: "n-a",
        leaseSeconds: 8,
        renewTime: "2026-01-01T00:00:00.000000Z",
        replicas: ["n-a"],
        mayFound: true,
        isReleaseWanted: true,
      },
    },
  ];
  for (const { name, lease } of leases) {
    it(`the Lease of ${name} is read as it was written`, () => {
      expect(readSlurmLease(slurmLeaseObject("default", lease, "17"))).to.deep.equal(lease);
    });
  }

  it("a Lease without an epoch names nobody", () => {
    expect(readSlurmLease({ metadata: {}, spec: { holderIdentity: "n-a" } })).to.equal(undefined);
  });
});
