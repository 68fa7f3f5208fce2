import { readFileSync } from "node:fs";
import { join } from "node:path";

/** What k3s' documentation says there is, with where it says so. */
export interface Documented {
  readonly server: readonly string[];
  readonly agent: readonly string[];
  readonly agentOnly: readonly string[];
  readonly disableable: readonly string[];
  readonly sameOnAllServers: readonly string[];
  readonly files: Readonly<Record<string, string>>;
}

export const DOCUMENTED = JSON.parse(
  readFileSync(join(import.meta.dirname, "data/k3s-flags.json"), "utf8"),
) as Documented;
