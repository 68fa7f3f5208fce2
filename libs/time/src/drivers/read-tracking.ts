import { execa } from "execa";
import { parseTracking, type Tracking } from "../tracking.ts";

/** Asks the chrony of this machine; undefined if it does not answer. Needs no rights. */
export async function readTracking(signal?: AbortSignal): Promise<Tracking | undefined> {
  // -n: the source as an address; a name would be looked up, which takes long where there is no name service.
  const { stdout, exitCode } = await execa("chronyc", ["-n", "-c", "tracking"], {
    reject: false,
    stdin: "ignore",
    timeout: 5_000,
    ...(signal && { cancelSignal: signal }),
  });
  return exitCode === 0 ? parseTracking(stdout) : undefined;
}
