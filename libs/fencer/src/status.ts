import { z } from "zod";

/** How a fencer answers every request. Times are milliseconds of CLOCK_BOOTTIME, see {@link bootTimeMs}. */
export const FencerStatus = z
  .object({
    version: z.literal(1),
    /** `waiting`: no program runs; `stopping`: it was asked to end. */
    state: z.enum(["waiting", "running", "stopping"]),
    /** The epoch that was vouched for last; 0 before the first. */
    epoch: z.int().min(0),
    /** The program's, 0 when there is none. */
    pid: z.int().min(0),
    deadlineMs: z.int(),
    nowMs: z.int(),
    /** How often the program was started since the fencer was. */
    starts: z.int().min(0),
    /** How it ended last. */
    lastExit: z.object({ code: z.int(), signal: z.int() }),
    /** Why the request was not followed. */
    refused: z.string().optional(),
  })
  .readonly();
export type FencerStatus = z.infer<typeof FencerStatus>;
