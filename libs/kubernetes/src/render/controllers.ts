/** Arguments of the API server, the controller manager and the scheduler, whatever starts them. */

/** On slow machines an etcd that answers late is no reason to call the API server unhealthy: by default 2 s are. */
export function apiServerArgs(patience: number): Readonly<Record<string, string>> {
  if (patience === 1) return {};
  return {
    "etcd-healthcheck-timeout": duration(2 * patience),
    "etcd-readycheck-timeout": duration(2 * patience),
  };
}

export function controllerManagerArgs(patience: number): Readonly<Record<string, string>> {
  return {
    // A node's pod network follows from its index; bootstrap writes it to the Node.
    "allocate-node-cidrs": "false",
    "node-monitor-grace-period": duration(20 * patience),
    // It makes three requests for each of its controllers when it starts: at the default rate of 20 a second that
    // alone takes five seconds, in which no machine gets a certificate.
    "kube-api-qps": "200",
    "kube-api-burst": "300",
    ...leaderElectionArgs(patience),
  };
}

/**
 * Leaders hold on as long as by default, but who waits for the lead looks once a second, not every two to four. On slow
 * machines a leader that is late is no leader that died.
 */
export function leaderElectionArgs(patience: number): Readonly<Record<string, string>> {
  if (patience === 1) return { "leader-elect-retry-period": "1s" };
  return {
    "leader-elect-lease-duration": duration(15 * patience),
    "leader-elect-renew-deadline": duration(10 * patience),
    "leader-elect-retry-period": duration(patience),
  };
}

/** As Go writes it: 90 s is 1m30s. */
export function duration(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  return `${minutes > 0 ? `${minutes}m` : ""}${Math.round(seconds % 60)}s`;
}
