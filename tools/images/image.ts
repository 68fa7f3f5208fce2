/** A container image of one layer, described by what lies where in it. */
export interface ImageDescription {
  /** Name of its tarball, without extension. */
  readonly name: string;
  /** Full references under which it is imported, all to the same content. */
  readonly references: readonly string[];
  readonly entries: readonly ImageEntry[];
  /** Absent where whoever runs the image always names the program. */
  readonly entrypoint?: readonly string[];
}

/** Destinations are paths inside the image without a leading slash. */
export type ImageEntry =
  | { readonly kind: "file"; readonly destination: string; readonly source: string; readonly mode: number }
  | { readonly kind: "link"; readonly destination: string; readonly target: string }
  | { readonly kind: "folder"; readonly destination: string; readonly mode: number };
