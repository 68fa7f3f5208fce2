import { openRecord, type OpenRecord, type RecordType } from "@cluster-os/identity";
import { AdmissionError } from "./errors.ts";

/** Whose signature counts, and for which cluster. */
export interface Authority {
  readonly clusterId: string;
  readonly authorityKey: Uint8Array;
}

/** Opens a record of the authority's. Throws a RecordError, or an AdmissionError for another cluster's. */
export function openFor<Payload extends { readonly clusterId: string }>(
  type: RecordType<Payload>,
  bytes: Uint8Array,
  authority: Authority,
): OpenRecord<Payload> {
  const record = openRecord(type, bytes, authority.authorityKey);
  if (record.payload.clusterId !== authority.clusterId) {
    throw new AdmissionError(
      `record ${type.name} is of cluster ${record.payload.clusterId}, not of ${authority.clusterId}`,
    );
  }
  return record;
}
