import type { SlurmAction, SlurmObserved } from "../../src/slurm/plan.ts";

/** Actions in words. */
export const kinds = (actions: readonly SlurmAction[]): readonly string[] =>
  actions.map((action) => ("unit" in action ? `${action.kind} ${action.unit}` : action.kind));

/** The machine once an action was done on it. */
export function carriedOut(machine: SlurmObserved, action: SlurmAction): SlurmObserved {
  switch (action.kind) {
    case "use-key":
      return { ...machine, keyFiles: { ...machine.keyFiles, current: action.key.secret } };
    case "write-jwks":
      return { ...machine, jwks: { ...machine.jwks, text: action.text } };
    case "load-jwks":
      return { ...machine, jwks: { ...machine.jwks, atWork: action.atWork } };
    case "write-hosts":
      return { ...machine, hosts: action.text };
    case "write-environment":
      return { ...machine, environment: action.text };
    case "limit-jobs":
      return { ...machine, limits: action.limits };
    case "reserve":
      return { ...machine, reservation: action.text };
    case "release":
      return { ...machine, reservation: undefined };
    case "write-redirect":
      return { ...machine, redirect: action.ruleset };
    case "start-unit":
    case "restart-unit":
      return { ...machine, units: { ...machine.units, [action.unit]: "active" } };
    default:
      return machine;
  }
}
