import {
  admissionPolicyObjects,
  agentAccessObjects,
  baseObjects,
  clusterNodeObject,
  nodeIndexObject,
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

  it("every right of an agent is on objects by name, and no other agent shares it", () => {
    const rules = agentAccessObjects(NODE).flatMap(
      (object) => (object["rules"] as { resourceNames?: string[] }[] | undefined) ?? [],
    );
    expect(rules).to.have.length.greaterThan(0);
    for (const { resourceNames } of rules)
      expect(resourceNames?.every((name) => name.endsWith(NODE))).to.equal(true);
  });
});
