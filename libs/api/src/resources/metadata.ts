/** What the API keeps of each of our resources, as far as anybody here reads it. They have no namespace. */
export interface ResourceMetadata {
  readonly name: string;
  readonly generation?: number;
  readonly resourceVersion?: string;
  readonly uid?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly deletionTimestamp?: string;
  readonly finalizers?: readonly string[];
}
