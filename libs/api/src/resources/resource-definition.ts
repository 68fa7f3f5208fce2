import type { z } from "zod";

/** One column of `kubectl get`. */
export interface PrinterColumn {
  readonly name: string;
  readonly type: "string" | "integer" | "boolean" | "date";
  readonly jsonPath: string;
  readonly description: string;
  /** Shown by `kubectl get -o wide` only. */
  readonly isWide?: boolean;
}

/** A custom resource: everything its CustomResourceDefinition and its reference page are made from. */
export interface ResourceDefinition {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly scope: "Cluster" | "Namespaced";
  readonly description: string;
  readonly spec: z.ZodObject;
  /** The spec of an object that has none. */
  readonly specDefault?: Readonly<Record<string, unknown>>;
  readonly status: z.ZodObject;
  /** CEL rules on whole objects: of `metadata`, they know the name. */
  readonly rules?: readonly { readonly rule: string; readonly message: string }[];
  readonly columns: readonly PrinterColumn[];
}

/** "cluster-os.dev/v1alpha1": the apiVersion of a resource's objects. */
export function apiVersionOf(resource: Pick<ResourceDefinition, "group" | "version">): string {
  return `${resource.group}/${resource.version}`;
}
