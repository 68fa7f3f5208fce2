/**
 * How many control-plane servers a cluster of `size` members wants: 1, 3 or 5. Always odd, since an even number
 * tolerates no more losses than the odd one below it; two machines have one server, and losing it stops the API.
 */
export function voterCount(size: number): number {
  if (size <= 2) return 1;
  return size < 7 ? 3 : 5;
}
