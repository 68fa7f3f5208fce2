/** The tag of the first image that a pod's manifest names, for example "v1.34.4"; undefined if it names none. */
export function imageTag(manifest: string): string | undefined {
  return /^[\s-]*image: \S+:(\S+)$/m.exec(manifest)?.[1];
}
