/** An IP address as a number, and how many bits it has; undefined of anything else. */
export function addressBits(text: string): { readonly bits: bigint; readonly length: 32 | 128 } | undefined {
  if (!text.includes(":")) {
    const octets = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1).map(Number);
    if (!octets || octets.some((octet) => octet > 255)) return undefined;
    return { bits: octets.reduce((bits, octet) => (bits << 8n) | BigInt(octet), 0n), length: 32 };
  }
  // The URL standard's host parser knows every way to write an IPv6 address, and one to print it.
  const canonical = URL.parse(`http://[${text.replace(/%.*$/, "")}]/`)?.hostname.slice(1, -1);
  if (canonical === undefined) return undefined;
  const [head = "", tail] = canonical.split("::");
  const [before, after] = [groups(head), groups(tail ?? "")];
  const zeros = tail === undefined ? [] : new Array<string>(8 - before.length - after.length).fill("0");
  const all = [...before, ...zeros, ...after];
  return { bits: all.reduce((bits, group) => (bits << 16n) | BigInt(`0x${group}`), 0n), length: 128 };
}

function groups(text: string): readonly string[] {
  return text === "" ? [] : text.split(":");
}
