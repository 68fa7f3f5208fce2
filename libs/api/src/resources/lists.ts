import { z } from "zod";

/** A list whose entries are told apart by these keys, so that several writers each own their entries. */
export function listMap<Item extends z.ZodType>(
  item: Item,
  keys: readonly string[],
  maxItems: number,
  description: string,
) {
  return z.array(item).max(maxItems).optional().meta({
    description,
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": keys,
  });
}
