import { access, constants } from "node:fs/promises";
import { chooseDistribution, DISTRIBUTIONS, PROVIDERS, type DistributionName } from "../plan/choice.ts";
import type { Distribution } from "../distribution.ts";
import { k3sDistribution } from "./k3s/distribution.ts";
import { kubeadmDistribution } from "./kubeadm-distribution.ts";
import type { DistributionOptions } from "./options.ts";

/** The distributions whose programs are on this machine. */
export async function installedDistributions(): Promise<ReadonlySet<DistributionName>> {
  const found = await Promise.all(
    DISTRIBUTIONS.map(async (name) =>
      (await access(PROVIDERS[name].program, constants.X_OK).then(
        () => true,
        () => false,
      ))
        ? [name]
        : [],
    ),
  );
  return new Set(found.flat());
}

/** The distribution this machine was told to run, or else the one that is installed. */
export async function openDistribution(
  wanted: DistributionName | undefined,
  options: DistributionOptions,
): Promise<Distribution> {
  const installed = await installedDistributions();
  const name = chooseDistribution(wanted, installed);
  if (!installed.has(name))
    options.logger.warn("nothing here runs Kubernetes", { install: PROVIDERS[name].package });
  const own = { ...options, logger: options.logger.child({ part: name }) };
  return name === "k3s" ? k3sDistribution(own) : kubeadmDistribution(own);
}
