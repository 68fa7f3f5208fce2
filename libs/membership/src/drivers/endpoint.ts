import type { Address } from "../member.ts";

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** Host and port of an address such as `10.0.0.7:8686` or `[fe80::7%eth0]:8686`; undefined if it is none. */
export function parseAddress(address: Address): Endpoint | undefined {
  const match = /^(?:\[([^\]\s]+)\]|([^:\s]+)):(\d{1,5})$/.exec(address);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host === undefined || port < 1 || port > 65_535 ? undefined : { host, port };
}

/** The address of an endpoint as the kernel reports it; an IPv4 address in IPv6 clothes comes out as IPv4. */
export function formatAddress({ host, port }: Endpoint): Address {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(host)?.[1];
  const plain = mapped ?? host;
  return plain.includes(":") ? `[${plain}]:${port}` : `${plain}:${port}`;
}
