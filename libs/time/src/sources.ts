import { compareText } from "@cluster-os/std";

export interface SourcesWish {
  /** Names or addresses of time servers outside of the cluster. */
  readonly outside: readonly string[];
  /** Mesh addresses of the cluster's servers, without this machine's own. */
  readonly servers: readonly string[];
}

/**
 * The file that chrony reads at `chronyc reload sources`: the same text for the same sources in any order. Outside ones are
 * preferred; the servers stay in it, so that the cluster keeps one time when the outside falls silent.
 */
export function renderSources({ outside, servers }: SourcesWish): string {
  const sorted = (list: readonly string[]): readonly string[] => [...new Set(list)].sort(compareText);
  const lines = [
    ...sorted(outside).map((name) => `server ${name} iburst prefer`),
    // Two ways of the "server" kind, not "peer": a peer takes unasked packets from the other (chrony.conf(5)).
    ...sorted(servers).map((address) => `server ${address} iburst minpoll 4 maxpoll 6`),
  ];
  return lines.map((line) => `${line}\n`).join("");
}
