import {
  admissionPolicyObjects,
  agentAccessObjects,
  baseObjects,
  clusterNodeObject,
  nodeIndexObject,
  SLURM_CLUSTER_NAME,
  slurmConfigName,
  slurmKeysName,
  slurmLeaseName,
  nodeLeaseObject,
  type PlainObject,
} from "@cluster-os/api";
import { expect } from "chai";
import { stringify } from "yaml";
import { expectGolden } from "./golden.ts";

const NODE = "n-mfzwizltoq";
const KEY = `ed25519:${"0a".repeat(32)}`;

const yaml = (objects: readonly PlainObject[]): string =>
  objects.map((object) => stringify(object, { lineWidth: 0, aliasDuplicateObjects: false })).join("---\n");

describe("objects", () => {
  it("of a node", () => {
    const objects = [
      nodeIndexObject(7, KEY),
      clusterNodeObject(NODE),
      nodeLeaseObject(NODE),
      ...agentAccessObjects(NODE),
    ];
    expectGolden("node-objects.yaml", yaml(objects));
  });

  it("of a cluster, but for its definitions", () => {
    const objects = baseObjects().filter(({ kind }) => kind !== "CustomResourceDefinition");
    expectGolden("base-objects.yaml", yaml(objects));
  });

  it("of the policies on who writes what", () => {
    expectGolden("admission-policies.yaml", yaml(admissionPolicyObjects()));
  });

  it("the namespace and the definitions come before what needs them", () => {
    const kinds = baseObjects().map(({ kind }) => kind);
    expect(kinds.slice(0, 2)).to.deep.equal(["Namespace", "CustomResourceDefinition"]);
  });

  it("every right of an agent is on objects by name: of its node, or of the one SlurmCluster", () => {
    const rules = agentAccessObjects(NODE).flatMap(
      (object) => (object["rules"] as { resourceNames?: string[]; verbs: string[] }[] | undefined) ?? [],
    );
    expect(rules).to.have.length.greaterThan(0);
    const shared = [
      SLURM_CLUSTER_NAME,
      slurmConfigName(SLURM_CLUSTER_NAME),
      slurmKeysName(SLURM_CLUSTER_NAME),
      slurmLeaseName(SLURM_CLUSTER_NAME),
    ];
    for (const { resourceNames } of rules)
      expect(resourceNames?.every((name) => name.endsWith(NODE) || shared.includes(name))).to.equal(true);
    const writing = rules.filter(({ verbs }) =>
      verbs.some((verb) => !["get", "list", "watch"].includes(verb)),
    );
    const written = writing.flatMap(({ resourceNames = [] }) => resourceNames);
    expect(written.filter((name) => !name.endsWith(NODE))).to.deep.equal([
      slurmLeaseName(SLURM_CLUSTER_NAME),
    ]);
  });
});
