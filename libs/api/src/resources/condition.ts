import { z } from "zod";

export const ConditionStatus = z.enum(["True", "False", "Unknown"]);

/** One observation of a resource, in the shape of Kubernetes' own metav1.Condition. */
export const Condition = z
  .object({
    type: z.string().min(1).max(316).describe("What is observed, for example Ready."),
    status: ConditionStatus.describe("Whether it is so."),
    reason: z
      .string()
      .regex(/^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/)
      .max(1024)
      .describe("One word for programs: why the status is what it is."),
    message: z.string().max(32_768).describe("A sentence for people; may be empty."),
    lastTransitionTime: z.iso
      .datetime()
      .meta({ description: "When the status last changed.", format: "date-time" }),
    observedGeneration: z
      .int()
      .min(0)
      .optional()
      .describe("The generation of the spec this was observed at."),
  })
  .describe("One observation, in the shape of Kubernetes' conditions.");
export type Condition = z.infer<typeof Condition>;

/** What is observed now; when it began is worked out. */
export type ObservedCondition = Omit<Condition, "lastTransitionTime">;

/**
 * The conditions with `observed` in them, sorted as they were. `lastTransitionTime` is kept unless the status changed, so
 * that looking twice changes nothing.
 */
export function setCondition(
  conditions: readonly Condition[],
  observed: ObservedCondition,
  nowIso: string,
): Condition[] {
  const known = conditions.find(({ type }) => type === observed.type);
  const lastTransitionTime = known?.status === observed.status ? known.lastTransitionTime : nowIso;
  const condition = { ...observed, lastTransitionTime };
  return known
    ? conditions.map((other) => (other.type === observed.type ? condition : other))
    : [...conditions, condition];
}

/** The condition of that type, if it was ever observed. */
export function findCondition(
  conditions: readonly Condition[] | undefined,
  type: string,
): Condition | undefined {
  return conditions?.find((condition) => condition.type === type);
}
