import { AdmissionError } from "@cluster-os/admission";
import { CodecError, RecordError, SealError } from "@cluster-os/identity";
import { ZodError } from "zod";

const REFUSALS = [RecordError, SealError, CodecError, AdmissionError, ZodError];

/** Whether an error is what bytes from outside fail by; anything else is a defect, and goes on up. */
export function isRefusal(error: unknown): boolean {
  return REFUSALS.some((type) => error instanceof type);
}
