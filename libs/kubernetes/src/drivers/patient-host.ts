import type { Host } from "./host.ts";

/**
 * The same machine with all time-outs so many times longer: hardware that needs minutes where usual hardware needs seconds
 * is slow and not ill, and what is ended early and begun anew there never gets through.
 */
export function patientHost(host: Host, patience: number): Host {
  if (patience === 1) return host;
  return {
    ...host,
    patience,
    run: (command, signal) => host.run({ ...command, timeoutMs: command.timeoutMs * patience }, signal),
    download: (request, target, signal) =>
      host.download({ ...request, timeoutMs: request.timeoutMs * patience }, target, signal),
    request: (request, signal) =>
      host.request({ ...request, timeoutMs: request.timeoutMs * patience }, signal),
  };
}
