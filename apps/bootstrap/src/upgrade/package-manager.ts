import { describeError } from "@cluster-os/std";
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
  /** Installs it over what is there. Throws with dpkg's own words. */
  readonly install: (file: string, signal: AbortSignal) => Promise<void>;
}

/** dpkg(1) for the package of that name, with `patience` for slow machines. */
export function dpkg(wanted: string, patience: number): PackageManager {
  return {
    versionIn: async (file) => {
      const fields = ["Package", "Architecture", VERSION_FIELD];
      const result = await execa("dpkg-deb", ["--field", file, ...fields], { reject: false });
      if (result.failed) throw new Error(`${file} is no Debian package: ${lastLine(result.stderr)}`);
      const found = new Map(
        result.stdout.split("\n").map((line) => line.split(/: */, 2) as [string, string]),
      );
      const version = found.get(VERSION_FIELD);
      if (found.get("Package") === wanted && version !== undefined) return version;
      throw new Error(
        `${file} is the package ${found.get("Package") ?? "of no name"}; Kubernetes comes in ${wanted} here`,
      );
    },
    install: async (file, signal) => {
      const unit = ["--quiet", "--wait", "--collect", "--pipe", `--unit=${INSTALL_UNIT}`];
      const environment = ["--setenv=DEBIAN_FRONTEND=noninteractive"];
      try {
        await execa("systemd-run", [...unit, ...environment, "dpkg", "--force-confold", "--install", file], {
          cancelSignal: signal,
          timeout: INSTALL_MS * patience,
          all: true,
        });
      } catch (error) {
        const said = (error as { readonly all?: string }).all;
        throw new Error(
          `dpkg could not install the package: ${said ? lastLine(said) : describeError(error)}`,
          {
            cause: error,
          },
        );
      }
    },
  };
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}
