/**
 * What may come into a machine from the local network, and where its own connections to a service that moves go. A wish
 * becomes the rules of one table of nftables; the table that is there is compared with them and replaced as a whole. Nothing
 * here touches the machine; the drivers do.
 */
export { countOf, describeRule } from "./describe.ts";
export { differences, isSameRuleset, type Difference } from "./difference.ts";
export { judge, type Judgement, type Verdict } from "./judge.ts";
export { parseTable, renderRemoval, renderReplacement } from "./nft-json.ts";
export { planFirewall, type FirewallWish } from "./plan-firewall.ts";
export type { Packet } from "./packet.ts";
export { planRedirect, type RedirectWish } from "./plan-redirect.ts";
export { mergePorts, parsePortRange, type PortRange } from "./ports.ts";
export { TABLE, type Chain, type Rule, type Ruleset, type Statement, type Table } from "./ruleset.ts";
export { sshPorts, SSH_PORT, type SshFacts } from "./ssh-ports.ts";
