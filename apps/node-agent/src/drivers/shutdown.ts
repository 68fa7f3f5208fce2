/** Aborted when systemd, or a person at the terminal, asks the process to end. */
export function shutdownSignal(): AbortSignal {
  const stopping = new AbortController();
  for (const name of ["SIGTERM", "SIGINT"] as const) {
    process.once(name, () => stopping.abort(new Error(`${name}: the process is asked to end`)));
  }
  return stopping.signal;
}
