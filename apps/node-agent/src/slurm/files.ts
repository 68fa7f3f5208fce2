import { SLURM_CONTROLLER_ALIAS, type SlurmClusterSpec, type SlurmNodeSettings } from "@cluster-os/api";

const MARK = "# cluster-os: slurm";

/** Keys of auth/slurm, for slurmd and slurmctld; users' programs ask one of the two over its socket, and read no key. */
export const JWKS_PATH = "/etc/slurm/slurm.jwks";

type Signer = SlurmClusterSpec["auth"];

/**
 * What a daemon has to be told where keys of auth/slurm sign: it would look for them beside its slurm.conf, which is not in /etc. Only
 * there: SLURM's programs sign by auth/slurm wherever they find it in their environment, whatever slurm.conf says (seen with 24.11.5).
 */
const signerEnvironment = (auth: Signer): readonly string[] =>
  auth === "slurm" ? [`SLURM_SACK_JWKS=${JWKS_PATH}`] : [];

const environmentOf = (lines: readonly string[]): string =>
  ["# Written by node-agent; a change here is lost.", ...lines, ""].join("\n");

/** The environment of slurmctld's unit. */
export function slurmctldEnvironment(auth: Signer): string {
  return environmentOf(signerEnvironment(auth));
}

/**
 * /etc/hosts with the controller's name leading to its machine, and a name for 0.0.0.0: slurmd asks for that at its start,
 * and waits ten seconds where no name server answers. Without an address the controller's line stays as it was: one
 * is being chosen, and the last one may come back. The rest stays as it is.
 */
export function withSlurmNames(hosts: string, controllerAddress: string | undefined): string {
  const lines = hosts.split("\n");
  const before = lines.find((line) => line.endsWith(`${SLURM_CONTROLLER_ALIAS} ${MARK}`));
  const others = lines.filter((line) => !line.endsWith(MARK));
  while (others.at(-1) === "") others.pop();
  const controller =
    controllerAddress === undefined ? before : `${controllerAddress} ${SLURM_CONTROLLER_ALIAS} ${MARK}`;
  return [...others, ...(controller === undefined ? [] : [controller]), `0.0.0.0 anyaddr ${MARK}`, ""].join(
    "\n",
  );
}

/** The environment of slurmd's unit: it registers by itself, with what jobs may use of this machine. */
export function slurmdEnvironment(
  { cpus, memoryMib, features, gres }: SlurmNodeSettings,
  auth: Signer,
): string {
  const settings = [
    `CPUs=${cpus}`,
    `RealMemory=${memoryMib}`,
    ...(features.length > 0 ? [`Feature=${features.join(",")}`] : []),
    ...(gres === undefined ? [] : [`Gres=${gres}`]),
  ];
  const options = `-Z --conf-server ${SLURM_CONTROLLER_ALIAS} --conf '${settings.join(" ")}'`;
  return environmentOf([`SLURMD_OPTIONS="${options}"`, ...signerEnvironment(auth)]);
}
