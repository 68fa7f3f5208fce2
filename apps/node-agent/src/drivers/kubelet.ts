/** The kubelet's own word on whether it works; it answers on this machine only. */
export const KUBELET_HEALTH_URL = "http://127.0.0.1:10248/healthz";

const TIMEOUT_MS = 2000;

/** Whether the kubelet answers its health check. No answer is an answer. */
export async function isKubeletHealthy(url: string, signal: AbortSignal): Promise<boolean> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]) });
    await answer.body?.cancel();
    return answer.ok;
  } catch {
    signal.throwIfAborted();
    return false;
  }
}
