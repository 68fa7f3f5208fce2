import { bootTimeMs } from "@cluster-os/fencer";
import { readFileIfExists, writeFileIfChanged } from "@cluster-os/std/drivers";
import { rm, stat } from "node:fs/promises";
import { cpus } from "node:os";
import type { SlurmAction, SlurmObserved, SlurmUnit } from "../slurm/plan.ts";
import type { SlurmMachine } from "../slurm/role.ts";
import { actAccount, readAccounts } from "./slurm-accounts.ts";
import {
  applyConfig,
  CONTROLLER_UNIT,
  fencer,
  manage,
  observeController,
  useTokenKey,
  viewOf,
} from "./slurm-controller.ts";
import { localKubelet, observeReservation, release, reserve } from "./kubelet-reservation.ts";
import { SLURM_PATHS, writeSecret } from "./slurm-files.ts";
import { loadJwks, observeJwks, writeJwks } from "./slurm-jwks.ts";
import { REST_UNIT, startRest } from "./slurm-rest.ts";
import { observeRedirect, removeRedirect, writeRedirect } from "./slurm-redirect.ts";
import { actUnit, limitUnit, statesAndLimits } from "./slurm-units.ts";

/** What the package cluster-os-slurm brings: without it a machine takes no part in SLURM. */
const FENCER_PROGRAM = "/usr/lib/cluster-os/bin/fencer";
const UNITS = ["munge.service", "slurmd.service"] as const satisfies readonly SlurmUnit[];

export async function hasSlurm(): Promise<boolean> {
  return stat(FENCER_PROGRAM).then(
    () => true,
    () => false,
  );
}

/** This machine's SLURM: files, accounts and units. */
export const slurmMachine: SlurmMachine = {
  observe,
  act,
  observeController,
  actController: async (action, signal) => {
    switch (action.kind) {
      case "apply-config":
        return applyConfig(action.config, signal);
      case "start-controller":
        await actUnit("start", CONTROLLER_UNIT, signal, true);
        return undefined;
      case "stop-controller":
        await actUnit("stop", CONTROLLER_UNIT, signal);
        return undefined;
      case "use-token-key":
        await useTokenKey(action.key, signal);
        return undefined;
      case "start-rest":
        await startRest(action.address, signal);
        return undefined;
      case "stop-rest":
        await actUnit("stop", REST_UNIT, signal);
        return undefined;
      default:
        return action satisfies never;
    }
  },
  extend: (epoch, deadlineMs, signal) => fencer.extend(epoch, deadlineMs, signal),
  bootTimeMs,
  view: viewOf,
  manage,
};

async function observe(signal: AbortSignal): Promise<SlurmObserved> {
  const [current, next, hosts, environment] = await Promise.all(
    [SLURM_PATHS.key, SLURM_PATHS.nextKey, SLURM_PATHS.hosts, SLURM_PATHS.environment].map(readFileIfExists),
  );
  return {
    keyFiles: { current, next },
    jwks: await observeJwks(),
    hosts: hosts?.toString("utf8") ?? "",
    environment: environment?.toString("utf8"),
    ...(await statesAndLimits(UNITS, "slurmd.service", signal)),
    reservation: await observeReservation(await localKubelet()),
    processors: cpus().length,
    accounts: await readAccounts(),
    ...(await observeRedirect()),
  };
}

async function act(action: SlurmAction, signal: AbortSignal): Promise<void> {
  switch (action.kind) {
    case "stage-key":
      return writeSecret(SLURM_PATHS.nextKey, action.key.secret, "munge");
    case "use-key":
      return writeSecret(SLURM_PATHS.key, action.key.secret, "munge");
    case "write-jwks":
      return writeJwks(action.text);
    case "load-jwks":
      return loadJwks(action.atWork, signal);
    case "drop-staged-key":
      return rm(SLURM_PATHS.nextKey, { force: true });
    case "write-hosts":
      await writeFileIfChanged(SLURM_PATHS.hosts, action.text, { mode: 0o644 });
      return;
    case "write-environment":
      await writeFileIfChanged(SLURM_PATHS.environment, action.text, { mode: 0o644 });
      return;
    case "limit-jobs":
      return limitUnit("slurmd.service", action.limits, signal);
    case "reserve":
      return reserve(await localKubelet(), action.text, signal);
    case "release":
      return release(await localKubelet(), signal);
    case "write-redirect":
      return writeRedirect(action.ruleset);
    case "remove-redirect":
      return removeRedirect();
    case "start-unit":
      // munged must run before slurmd signs anything; slurmd itself may wait for its controller.
      return actUnit("start", action.unit, signal, action.unit === "munge.service");
    case "restart-unit":
      return actUnit("restart", action.unit, signal, action.unit === "munge.service");
    case "stop-unit":
      return actUnit("stop", action.unit, signal);
    default:
      return actAccount(action);
  }
}
