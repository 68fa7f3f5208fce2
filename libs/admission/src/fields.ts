import { z } from "zod";

export const Bytes: z.ZodType<Uint8Array> = z.instanceof(Uint8Array);

/** 32 raw bytes: a key. */
export const Bytes32 = Bytes.refine((bytes) => bytes.length === 32, "a key has 32 bytes");

/** "cluster ID": the first 32 hexadecimal digits of the SHA-256 of the genesis record. */
export const ClusterId = z
  .string()
  .regex(/^[0-9a-f]{32}$/, "a cluster ID is 32 lower-case hexadecimal digits");

/** A node's number in the address plan, from 1; the plan bounds it from above. */
export const NodeIndex = z.int().min(1).max(65_535);

/** Unix milliseconds by the clock of whoever wrote it: for people to read and to break ties, never to expire by. */
export const UnixMs = z.int().min(0);

/** Names a join key and says nothing about it: the 16 hexadecimal digits of the tag that is in beacons. */
export const JoinKeyId = z
  .string()
  .regex(/^[0-9a-f]{16}$/, "a join key ID is 16 lower-case hexadecimal digits");
