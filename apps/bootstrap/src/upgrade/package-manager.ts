import { rm } from "node:fs/promises";
import { describeError } from "@cluster-os/std";
import { readFileIfExists, waitFor } from "@cluster-os/std/drivers";
import { execa } from "execa";

/** The field of its control file that says which Kubernetes a package brings; see infra/deb. */
const VERSION_FIELD = "Kubernetes-Version";
/** dpkg unpacks some hundred megabytes; on a USB stick that takes its time. */
const INSTALL_MS = 300_000;
/** A unit of its own: a package that was cut off half-way because bootstrap stopped would leave dpkg something to mend. */
const INSTALL_UNIT = "cluster-os-package-install";

/** Looks into packages, and installs one. */
export interface PackageManager {
  /** The Kubernetes that a package brings, for example "v1.35.4". Throws an error that says why it is no such package. */
  readonly versionIn: (file: string) => Promise<string>;
  /** Whether the package that is there is whole: one that was cut off half-way is not. */
  readonly isInstalled: () => Promise<boolean>;
  /** Installs it over what is there, once nobody else does. Throws with dpkg's own words. */
  readonly install: (file: string, signal: AbortSignal) => Promise<void>;
}

/** dpkg(1) for the package of that name, with `patience` for slow machines. */
export function dpkg(wanted: string, patience: number): PackageManager {
  return {
    versionIn: (file) => versionIn(file, wanted),
    isInstalled: async () => {
      const { stdout } = await execa("dpkg-query", ["--show", "--showformat=${db:Status-Status}", wanted]);
      return stdout === "installed";
    },
    install: (file, signal) => install(file, INSTALL_MS * patience, signal),
  };
}

async function versionIn(file: string, wanted: string): Promise<string> {
  const fields = ["Package", "Architecture", VERSION_FIELD];
  const result = await execa("dpkg-deb", ["--field", file, ...fields], { reject: false });
  if (result.failed) throw new Error(`${file} is no Debian package: ${lastLine(result.stderr)}`);
  const found = new Map(result.stdout.split("\n").map((line) => line.split(/: */, 2) as [string, string]));
  const [name, architecture, version] = fields.map((field) => found.get(field));
  if (name !== wanted)
    throw new Error(`${file} is the package ${name ?? "of no name"}; Kubernetes comes in ${wanted} here`);
  const { stdout: own } = await execa("dpkg", ["--print-architecture"]);
  if (architecture !== own && architecture !== "all")
    throw new Error(`${file} is for ${architecture ?? "no"} machines, and this one is ${own}`);
  if (version === undefined)
    throw new Error(
      `${file} does not say which Kubernetes it brings (${VERSION_FIELD}): it is older than upgrades are`,
    );
  return version;
}

/**
 * By systemd, which keeps dpkg's output: were it to go through a pipe to this process, dpkg would break off where this process ends.
 */
async function install(file: string, timeout: number, signal: AbortSignal): Promise<void> {
  const log = `${file}.log`;
  const options = [
    "--quiet",
    "--wait",
    "--collect",
    `--unit=${INSTALL_UNIT}`,
    "--setenv=DEBIAN_FRONTEND=noninteractive",
  ];
  const output = ["StandardOutput", "StandardError"].map((name) => `--property=${name}=append:${log}`);
  // From here on nothing ends it but itself.
  await waitFor(async () => !(await isInstalling(signal)), {
    what: "the end of another installation",
    timeoutMs: timeout,
    everyMs: 1000,
    signal,
  });
  await rm(log, { force: true });
  const dpkg = ["dpkg", "--force-confold", "--install", file];
  const ended = await execa("systemd-run", [...options, ...output, ...dpkg], {
    cancelSignal: signal,
    timeout,
    reject: false,
  });
  if (!ended.failed) return;
  const said = lastLine((await readFileIfExists(log))?.toString("utf8") ?? "") || lastLine(ended.stderr);
  const why = ended.timedOut ? `it is still at work after ${timeout / 1000} s` : said || describeError(ended);
  throw new Error(`dpkg could not install the package: ${why}`);
}

async function isInstalling(signal: AbortSignal): Promise<boolean> {
  const args = ["show", "--property=ActiveState", "--value", `${INSTALL_UNIT}.service`];
  const { stdout } = await execa("systemctl", args, { cancelSignal: signal });
  return stdout !== "inactive" && stdout !== "failed";
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}
