import { AGENTS_GROUP, agentUser } from "@cluster-os/api";
import { expect } from "chai";
import { replicaOf } from "../../src/drivers/slurm-state.ts";

describe("slurm: who speaks for a copy of the state", () => {
  const NODE = "n-aaaaaaaaaa";
  const cases: readonly (readonly [string, string, readonly string[], string | undefined])[] = [
    ["a node's agent", agentUser(NODE), [AGENTS_GROUP], NODE],
    ["not its kubelet, of the same authority", `system:node:${NODE}`, ["system:nodes"], undefined],
    ["not a kubelet's name in the agents' group", `system:node:${NODE}`, [AGENTS_GROUP], undefined],
    ["not a person of that name", agentUser(NODE), ["people"], undefined],
    ["not the administrator", "kubernetes-admin", ["system:masters"], undefined],
  ];
  for (const [name, commonName, organizations, expected] of cases)
    it(name, () => expect(replicaOf({ commonName, organizations })).to.equal(expected));
});
