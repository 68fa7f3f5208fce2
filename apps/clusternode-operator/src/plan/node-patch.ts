import type { ClusterNodeSpec } from "@cluster-os/api";
import type { Node, Taint } from "@cluster-os/kube";

/** On the Kubernetes Node: what of it the operator put there, so that it takes away its own and nothing else. */
export const APPLIED_ANNOTATION = "cluster-os.dev/applied";

const ROLE_PREFIX = "node-role.kubernetes.io/";
/** Servers have a label of kubeadm's (`control-plane`), which bootstrap takes away with the role: one writer per fact. */
const ROLES_OF_OTHERS = ["server"];

/** What is wanted on a Kubernetes Node. */
export interface NodeWish {
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
  readonly isCordoned: boolean;
}

/** A JSON merge patch (RFC 7386) of a Kubernetes Node; refused by the API if the Node changed since it was read. */
export interface NodePatch {
  readonly metadata: {
    readonly resourceVersion?: string;
    readonly labels?: Readonly<Record<string, string | null>>;
    readonly annotations: Readonly<Record<string, string | null>>;
  };
  readonly spec?: {
    readonly unschedulable?: true | null;
    readonly taints?: readonly Taint[] | null;
  };
}

/** What of a Node is the operator's: names of labels, `key:effect` of taints, and whether it cordoned the node. */
interface Applied {
  readonly labels: readonly string[];
  readonly taints: readonly string[];
  readonly cordon: boolean;
}

/** What a ClusterNode's spec, and the roles it has, want of the Kubernetes Node. */
export function nodeWish(spec: ClusterNodeSpec | undefined, roles: readonly string[]): NodeWish {
  const roleLabels = roles
    .filter((role) => !ROLES_OF_OTHERS.includes(role))
    .map((role): [string, string] => [`${ROLE_PREFIX}${role}`, ""]);
  return {
    labels: { ...spec?.labels, ...Object.fromEntries(roleLabels) },
    taints: (spec?.taints ?? []).map(({ key, value, effect }) => ({
      key,
      ...(value !== undefined && value !== "" && { value }),
      effect,
    })),
    isCordoned: spec?.unschedulable ?? false,
  };
}

/**
 * The change that brings a Kubernetes Node to the wish; undefined if it is so. Labels, taints and a cordon that others
 * put there stay: what already was as wished is not taken for its own, and so is not undone later.
 */
export function planNodePatch(wish: NodeWish, node: Node): NodePatch | undefined {
  const applied = appliedOf(node);
  const labels = planLabels(wish.labels, node.metadata.labels ?? {}, applied.labels);
  const taints = planTaints(wish.taints, node.spec?.taints ?? [], applied.taints);
  const cordon = planCordon(wish.isCordoned, node.spec?.unschedulable ?? false, applied.cordon);
  const annotation = annotationOf({ labels: labels.own, taints: taints.own, cordon: cordon.isOwn });
  const isAnnotated = annotation === (node.metadata.annotations?.[APPLIED_ANNOTATION] ?? null);
  const spec = {
    ...(cordon.change !== undefined && { unschedulable: cordon.change }),
    ...(taints.change !== undefined && { taints: taints.change }),
  };
  const hasSpec = Object.keys(spec).length > 0;
  if (isAnnotated && labels.change === undefined && !hasSpec) return undefined;
  const { resourceVersion } = node.metadata;
  return {
    metadata: {
      ...(resourceVersion !== undefined && { resourceVersion }),
      ...(labels.change && { labels: labels.change }),
      annotations: isAnnotated ? {} : { [APPLIED_ANNOTATION]: annotation },
    },
    ...(hasSpec && { spec }),
  };
}

/** A change of one part of the Node, undefined for none, and what of that part is the operator's afterwards. */
interface Part<Change> {
  readonly change: Change | undefined;
  readonly own: readonly string[];
}

function planLabels(
  wish: NodeWish["labels"],
  present: Readonly<Record<string, string>>,
  own: readonly string[],
): Part<Record<string, string | null>> {
  const set = Object.entries(wish).filter(([name, value]) => present[name] !== value);
  const removed = own.filter((name) => !(name in wish) && name in present);
  const change = Object.fromEntries([
    ...set,
    ...removed.map((name): [string, string | null] => [name, null]),
  ]);
  return {
    change: Object.keys(change).length > 0 ? change : undefined,
    own: ownAfter(
      Object.keys(wish),
      own,
      set.map(([name]) => name),
    ),
  };
}

function planTaints(
  wish: readonly Taint[],
  present: readonly Taint[],
  own: readonly string[],
): Part<readonly Taint[] | null> {
  const wished = wish.map(nameOfTaint);
  const changed = wish.filter(
    (taint) =>
      !present.some(
        (other) => nameOfTaint(other) === nameOfTaint(taint) && valueOf(other) === valueOf(taint),
      ),
  );
  const changedNames = changed.map(nameOfTaint);
  const kept = present.filter((taint) => {
    const name = nameOfTaint(taint);
    return !changedNames.includes(name) && (!own.includes(name) || wished.includes(name));
  });
  const isChanged = changed.length > 0 || kept.length < present.length;
  const after = [...kept, ...changed];
  return {
    change: isChanged ? (after.length > 0 ? after : null) : undefined,
    own: ownAfter(wished, own, changedNames),
  };
}

function planCordon(
  isWished: boolean,
  isCordoned: boolean,
  isOwn: boolean,
): { readonly change: true | null | undefined; readonly isOwn: boolean } {
  if (isWished) return { change: isCordoned ? undefined : true, isOwn: isOwn || !isCordoned };
  return { change: isOwn && isCordoned ? null : undefined, isOwn: false };
}

/** Names that are the operator's once `changed` was written: those it had, and those it had to write, if still wished. */
function ownAfter(
  wished: readonly string[],
  own: readonly string[],
  changed: readonly string[],
): readonly string[] {
  return wished.filter((name) => own.includes(name) || changed.includes(name)).sort();
}

function nameOfTaint({ key, effect }: Taint): string {
  return `${key}:${effect}`;
}

function valueOf({ value }: Taint): string {
  return value ?? "";
}

function annotationOf({ labels, taints, cordon }: Applied): string | null {
  if (labels.length === 0 && taints.length === 0 && !cordon) return null;
  return JSON.stringify({
    ...(cordon && { cordon }),
    ...(labels.length > 0 && { labels }),
    ...(taints.length > 0 && { taints }),
  });
}

/** What the annotation says; nothing is the operator's where somebody made it unreadable. */
function appliedOf(node: Node): Applied {
  let parsed: unknown;
  try {
    parsed = JSON.parse(node.metadata.annotations?.[APPLIED_ANNOTATION] ?? "{}");
  } catch {
    parsed = undefined;
  }
  const { labels, taints, cordon } = (parsed ?? {}) as Partial<Record<keyof Applied, unknown>>;
  return { labels: texts(labels), taints: texts(taints), cordon: cordon === true };
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((entry) => typeof entry === "string") : [];
}
