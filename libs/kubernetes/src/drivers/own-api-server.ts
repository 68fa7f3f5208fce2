import { waitFor } from "@cluster-os/std/drivers";
import type { NodePlacement } from "../distribution.ts";
import { API_SERVER_PORT, PATHS } from "../settings.ts";
import type { Context } from "./context.ts";

/** Waits until this machine's own API server takes requests. */
export async function ownApiServer(
  context: Context,
  placement: NodePlacement,
  signal: AbortSignal,
  caPath: string = PATHS.caCertificate,
): Promise<void> {
  const { host } = context;
  const url = `https://${placement.meshAddress}:${API_SERVER_PORT}/readyz`;
  await waitFor(
    async () => {
      const ca = await host.readFile(caPath);
      return (
        ca !== undefined &&
        (await host.request({ method: "GET", url, ca, timeoutMs: 2000 }, signal)).status === 200
      );
    },
    {
      what: `the API server at ${url}`,
      timeoutMs: 120_000 * host.patience,
      everyMs: 100 * host.patience,
      signal,
    },
  );
}
