import { z } from "zod";

export const Bytes: z.ZodType<Uint8Array> = z.instanceof(Uint8Array);

/** Exactly so many bytes. */
export function bytesOf(length: number): z.ZodType<Uint8Array> {
  return Bytes.refine((bytes) => bytes.length === length, `${length} bytes`);
}
