import { ClusterNode, crdOf, kubernetesSchema, structuralViolations } from "@cluster-os/api";
import { expect } from "chai";
import { z } from "zod";

describe("structural schemas", () => {
  it("ClusterNode's is one", () => {
    const schema = crdOf(ClusterNode).spec.versions[0]?.schema.openAPIV3Schema ?? {};
    expect(structuralViolations(schema)).to.deep.equal([]);
  });

  // What zod makes and the API server refuses, each of which a spec may run into.
  const refused: readonly { readonly name: string; readonly schema: z.ZodType; readonly found: RegExp }[] = [
    {
      name: "a union",
      schema: z.object({ a: z.union([z.string(), z.number()]) }),
      found: /^\$\.a: (a type is required|anyOf)/,
    },
    {
      name: "a discriminated union",
      schema: z.object({
        a: z.discriminatedUnion("kind", [
          z.object({ kind: z.literal("b") }),
          z.object({ kind: z.literal("c") }),
        ]),
      }),
      found: /^\$\.a: a type is required/,
    },
    { name: "a tuple", schema: z.object({ a: z.tuple([z.string(), z.int()]) }), found: /^\$\.a/ },
    {
      name: "a schema with an id",
      schema: z.object({ a: z.object({}).meta({ id: "Thing" }) }),
      found: /\$ref is refused|definitions is refused|id is refused/,
    },
    {
      name: "look-ahead",
      schema: z.object({ a: z.string().regex(/^(?!x)/) }),
      found: /^\$\.a: the pattern looks around/,
    },
    { name: "anything", schema: z.object({ a: z.any() }), found: /^\$\.a: a type is required/ },
    {
      name: "a list map whose key may be absent",
      schema: z.object({
        a: z
          .array(z.object({ k: z.string().optional() }))
          .meta({ "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"] }),
      }),
      found: /^\$\.a: the list's key k must be required/,
    },
  ];
  for (const { name, schema, found } of refused) {
    it(`finds ${name}`, () => {
      expect(structuralViolations(kubernetesSchema(schema)).join("\n")).to.match(found);
    });
  }

  it("a strict object, a default, an integer and a map become what Kubernetes takes", () => {
    const schema = z.strictObject({
      a: z.int().default(3),
      b: z.record(z.string(), z.string()).optional(),
      c: z.int().min(1).max(9),
    });
    expect(kubernetesSchema(schema)).to.deep.equal({
      type: "object",
      properties: {
        a: { type: "integer", default: 3, format: "int64" },
        b: { type: "object", additionalProperties: { type: "string" } },
        c: { type: "integer", minimum: 1, maximum: 9, format: "int64" },
      },
      required: ["c"],
    });
    expect(structuralViolations(kubernetesSchema(schema))).to.deep.equal([]);
  });
});
