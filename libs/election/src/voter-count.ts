/**
 * How many control-plane servers a cluster of `size` members wants: 1, 3 or 5, and at most `most`. Always odd, since an even number
 * tolerates no more losses than the odd one below it; two machines have one server, and losing it stops the API.
 */
export function voterCount(size: number, most = 5): number {
  if (size <= 2) return 1;
  return Math.min(size < 7 ? 3 : 5, most);
}
