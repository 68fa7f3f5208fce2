const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
};

/** The number that a Kubernetes quantity is: `192Mi`, `500m`, `1`. */
export function parseQuantity(text: string): number {
  const [, number, unit = ""] = /^([0-9.]+)([a-zA-Z]*)$/.exec(text) ?? [];
  const factor = UNITS[unit];
  if (number === undefined || factor === undefined) throw new RangeError(`"${text}" is not a quantity`);
  return Number(number) * factor;
}
