import { get } from "node:http";

/** The kubelet's own word on whether it works; it answers on this machine only. */
export const KUBELET_HEALTH_URL = "http://127.0.0.1:10248/healthz";

const TIMEOUT_MS = 2000;

/**
 * Whether the kubelet answers its health check; where machines are slow it has `patience` times longer. No answer is an answer.
 * Not by fetch, which costs 5 MB of memory.
 */
export async function isKubeletHealthy(url: string, signal: AbortSignal, patience = 1): Promise<boolean> {
  const ends = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS * patience)]);
  const isHealthy = await new Promise<boolean>((resolve) => {
    const request = get(url, { signal: ends, agent: false });
    request.on("error", () => resolve(false));
    request.on("response", (response) => {
      response.on("error", () => resolve(false)).resume();
      resolve(response.statusCode === 200);
    });
  });
  signal.throwIfAborted();
  return isHealthy;
}
