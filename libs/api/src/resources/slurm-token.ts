import { z } from "zod";
import { Condition } from "./condition.ts";
import { boundedDuration } from "./duration.ts";
import { listMap } from "./lists.ts";
import type { ResourceMetadata } from "./metadata.ts";
import { apiVersionOf, type ResourceDefinition } from "./resource-definition.ts";
import { shaped } from "./rules.ts";

const SHORTEST_S = 600;
const LONGEST_S = 86_400;

const Lifetime = boundedDuration(
  { leastS: SHORTEST_S, mostS: LONGEST_S },
  "a lifetime is hours, minutes and seconds, for example 1h or 2h30m, ten minutes at least and a day at most",
);

export const SlurmTokenSpecSchema = z.object({
  user: shaped(
    /^[a-z][a-z0-9_-]{0,30}$/,
    31,
    "a user is one of spec.users of the SlurmCluster: a small letter, then small letters, digits, _ and -",
  ).describe("Whose jobs it may submit, see and cancel: a user of the SlurmCluster."),
  lifetime: Lifetime.default("1h").describe(
    "How long each token is good. It is replaced by a new one when two thirds of that have passed.",
  ),
});
export type SlurmTokenSpec = z.output<typeof SlurmTokenSpecSchema>;

const time = (description: string) => z.iso.datetime().meta({ description, format: "date-time" });

export const SlurmTokenStatusSchema = z
  .object({
    user: z
      .string()
      .max(31)
      .optional()
      .describe("Whom the token in the Secret is for; absent while there is none."),
    issuedAt: time("When the present token was made.").optional(),
    expiresAt: time("Until when it is good.").optional(),
    keyGeneration: z
      .int()
      .min(1)
      .optional()
      .describe("Generation of the SlurmCluster's keys that it was signed with."),
    conditions: listMap(
      Condition,
      ["type"],
      4,
      "Ready: the Secret of the same name has a token under the present key. Where not, the message says why.",
    ),
    observedGeneration: z
      .int()
      .min(0)
      .optional()
      .describe("The generation of the spec that the operator has seen."),
  })
  .describe("What is observed of the token; never the token itself.");
export type SlurmTokenStatus = z.infer<typeof SlurmTokenStatusSchema>;

export const SlurmToken = {
  group: "cluster-os.dev",
  version: "v1alpha1",
  kind: "SlurmToken",
  plural: "slurmtokens",
  singular: "slurmtoken",
  shortNames: ["stok"],
  categories: ["cluster-os"],
  scope: "Namespaced",
  description:
    "The wish for a token of SLURM's REST API for one user, kept fresh in a Secret of the same name.",
  spec: SlurmTokenSpecSchema,
  status: SlurmTokenStatusSchema,
  columns: [
    { name: "User", type: "string", jsonPath: ".spec.user", description: "Whose token it is." },
    {
      name: "Ready",
      type: "string",
      jsonPath: '.status.conditions[?(@.type=="Ready")].status',
      description: "Whether the Secret has a token under the present key.",
    },
    {
      name: "Reason",
      type: "string",
      jsonPath: '.status.conditions[?(@.type=="Ready")].reason',
      description: "Why it is so, in a word.",
    },
    {
      name: "Expires",
      type: "string",
      jsonPath: ".status.expiresAt",
      description: "Until when the present token is good; a new one comes before.",
    },
    {
      name: "Age",
      type: "date",
      jsonPath: ".metadata.creationTimestamp",
      description: "Time since it was made.",
    },
  ],
} as const satisfies ResourceDefinition;

export const SLURM_TOKEN_API_VERSION: string = apiVersionOf(SlurmToken);

/** A SlurmToken as the API has it. Its spec is as somebody wrote it: see {@link SlurmTokenSpecSchema}. */
export interface SlurmTokenObject {
  readonly apiVersion: string;
  readonly kind: "SlurmToken";
  readonly metadata: ResourceMetadata & { readonly namespace?: string };
  readonly spec?: unknown;
  readonly status?: SlurmTokenStatus;
}
