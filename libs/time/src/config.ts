/** A member's place in the cluster, as far as its time service is concerned. */
export interface TimePlace {
  /** Its own address in the mesh. */
  readonly address: string;
  /** The mesh as a CIDR: who may ask for the time. */
  readonly network: string;
  readonly isServer: boolean;
}

const COMMON = `# Rendered by cluster-os-bootstrap; a change here is lost. Sources of the site's own go into
# /etc/chrony/sources.d, or into timeSources in cluster-os.yaml.
sourcedir /etc/chrony/sources.d
sourcedir /run/chrony-dhcp
driftfile /var/lib/chrony/chrony.drift
ntsdumpdir /var/lib/chrony
keyfile /etc/chrony/chrony.keys
leapseclist /usr/share/zoneinfo/leap-seconds.list
maxupdateskew 100.0
rtcsync
# A clock that is far off is set at once, but only just after the start; later it is slewed.
makestep 1 3
`;

/**
 * chrony's configuration. A server answers the mesh; without an outside source, the servers agree on one of them ("orphan
 * mode" of chrony.conf(5)) and go on together at stratum 10. All others answer nobody.
 */
export function renderConfig(place: TimePlace | undefined): string {
  if (!place?.isServer) return `${COMMON}# This machine serves no time.\nport 0\n`;
  return `${COMMON}# A server of the cluster: answers on the mesh.
bindaddress ${place.address}
allow ${place.network}
local stratum 10 orphan
`;
}
