/** One build of what runs in the cluster. */
export interface Installation {
  /** Of the package: "0.1.0". */
  readonly version: string;
  /** Of the objects: tells two builds of one version apart. */
  readonly digest: string;
}

/**
 * Whether `own` is to be installed over what is. Never an older version over a newer: while a package is being upgraded
 * machine by machine, both lead for a while, and only one direction ends.
 */
export function isInstallationDue(installed: Installation | undefined, own: Installation): boolean {
  if (installed === undefined) return true;
  const order = compareVersions(own.version, installed.version);
  return order > 0 || (order === 0 && own.digest !== installed.digest);
}

/** Negative when `left` is older. Three numbers count; a pre-release (`-rc1`) is older than its release. */
function compareVersions(left: string, right: string): number {
  const [leftNumbers = "", leftPre] = left.split("-", 2);
  const [rightNumbers = "", rightPre] = right.split("-", 2);
  const a = leftNumbers.split(".").map(Number);
  const b = rightNumbers.split(".").map(Number);
  for (const index of [0, 1, 2]) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  if (leftPre === rightPre) return 0;
  if (leftPre === undefined) return 1;
  if (rightPre === undefined) return -1;
  return leftPre < rightPre ? -1 : 1;
}
