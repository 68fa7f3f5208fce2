/** The time servers in a lease of systemd-networkd (a file in /run/systemd/netif/leases), as DHCP offered them. */
export function timeServersOfLease(text: string): readonly string[] {
  const line = /^NTP=(.*)$/m.exec(text)?.[1] ?? "";
  return line.split(/\s+/).filter((word) => /^[0-9A-Fa-f.:]+$/.test(word));
}
