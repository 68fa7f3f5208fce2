import { isSameRuleset, type Ruleset } from "@cluster-os/firewall";
import { Nftables } from "@cluster-os/firewall/drivers";
import { describeError } from "@cluster-os/std";
import type { SlurmObserved } from "../slurm/plan.ts";

/** One rule, of which planRedirect tells; bootstrap's firewall has a table of its own. */
const redirect = new Nftables({ table: { family: "ip", name: "cluster_os_slurm" } });

/** What was written last, and how nft lists it: an nft with another spelling is to cause no writes. */
let written: { readonly ruleset: Ruleset; readonly listed: Ruleset | undefined } | undefined;

export async function writeRedirect(ruleset: Ruleset): Promise<void> {
  try {
    await redirect.replace(ruleset);
    written = { ruleset, listed: await redirect.observe() };
  } catch (error) {
    // One that leads to the last controller is worse than none.
    await redirect.remove().catch(() => undefined);
    throw error;
  }
}

export async function observeRedirect(): Promise<Pick<SlurmObserved, "redirect" | "redirectProblem">> {
  try {
    const listed = await redirect.observe();
    return { redirect: written && isSameRuleset(listed, written.listed) ? written.ruleset : listed };
  } catch (error) {
    return { redirectProblem: describeError(error) };
  }
}

/** The table goes; none is no error. */
export function removeRedirect(): Promise<void> {
  return redirect.remove();
}
