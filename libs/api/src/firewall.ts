import { z } from "zod";

/** What the given file may say of the firewall. */
export const FirewallMode = z.enum(["on", "off", "observe"]);
export type FirewallMode = z.infer<typeof FirewallMode>;

const FirewallRule = z.object({
  chain: z
    .enum(["input", "forward"])
    .describe("`input`: what is for this machine; `forward`: what goes through it."),
  rule: z.string().describe("What it looks at and does, in nftables' words, shortened."),
});

/** `GET /v1/firewall`: what comes into this machine from the local network. */
export const FirewallReport = z.object({
  mode: FirewallMode.describe(
    "What the given file says now: `on`, `off`, or `observe` to count and drop nothing.",
  ),
  isInPlace: z.boolean().describe("Whether the table `inet cluster_os` is there."),
  rules: z
    .array(
      FirewallRule.extend({
        packets: z.int().min(0).optional().describe("How many packets it met, where that is counted."),
      }),
    )
    .describe("The rules that are there, in the order in which they are tried."),
  changes: z
    .array(FirewallRule.extend({ change: z.enum(["add", "remove"]).describe("What would be done with it.") }))
    .describe(
      "What would change if bootstrap were started with the given file as it is now; empty when nothing would.",
    ),
  sshPorts: z.array(z.int()).describe("Where SSH listens, as far as can be found out: always open."),
  error: z.string().optional().describe("Why the rules could not be put in place, and the way out."),
});
export type FirewallReport = z.infer<typeof FirewallReport>;
