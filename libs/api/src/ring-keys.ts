import { z } from "zod";
import { MemberHealth } from "./cli-output.ts";

/** `GET /v1/ring-keys`, `POST /v1/rotate-ring-key`, `cluster-os key status -o json`. */
export const RingKeyReport = z.object({
  number: z.int().min(1).describe("The newest ring key; that of genesis is 1."),
  stage: z
    .enum(["staged", "active"])
    .describe("`staged` while members are handed it, `active` once they seal their messages with it."),
  madeAtMs: z.int().min(0).optional().describe("When it was made, Unix milliseconds; absent for genesis's."),
  members: z
    .array(
      z.object({
        name: z.string().describe("The member's node name."),
        status: MemberHealth.describe("How the answering machine sees it."),
        number: z
          .int()
          .min(1)
          .optional()
          .describe("The newest ring key that it said to hold; absent if it was never heard."),
        isNewest: z.boolean().describe("Whether that is the newest there is."),
      }),
    )
    .describe("Every admitted member, lowest index first."),
});
export type RingKeyReport = z.infer<typeof RingKeyReport>;
