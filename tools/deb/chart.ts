import { join } from "node:path";
import { execa } from "execa";
import { parseAllDocuments } from "yaml";
import { REPOSITORY } from "./args.ts";
import { helm } from "./helm.ts";
import { keyOf, keyOfFiles } from "./kept.ts";

/** The Helm chart of what runs in the cluster. */
export const CHART = join(REPOSITORY, "infra/charts/cluster-os");
const NAMESPACE = "cluster-os";

export interface RenderOptions {
  /** Full reference of the operators' image. */
  readonly image: string;
  /** Files of values that are laid over the chart's own. */
  readonly values?: readonly string[];
}

/** What bootstrap applies: which version it is, and the objects in the order in which to apply them. */
export interface Manifests {
  readonly version: string;
  /** Of the objects: tells two builds of one version apart. */
  readonly digest: string;
  readonly objects: readonly unknown[];
}

/** The chart as text, as `helm template` renders it: in the order of an installation, without its tests. */
export function renderChart(options: RenderOptions): Promise<string> {
  return template(options, ["--skip-tests"]);
}

/** The pod that `helm test` runs, for a cluster on which helm did not install the chart. */
export function renderTest(options: RenderOptions): Promise<string> {
  return template(options, ["--show-only", "templates/tests/ready.yaml"]);
}

async function template({ image, values = [] }: RenderOptions, options: readonly string[]): Promise<string> {
  const [repository, tag] = split(image);
  const settings = [`operators.image.repository=${repository}`, `operators.image.tag=${tag}`];
  const { stdout } = await execa(await helm(), [
    "template",
    "cluster-os",
    CHART,
    "--namespace",
    NAMESPACE,
    ...options,
    ...values.flatMap((file) => ["--values", file]),
    ...settings.flatMap((setting) => ["--set-string", setting]),
  ]);
  return `${stdout}\n`;
}

export async function renderManifests(
  options: RenderOptions & { readonly version: string },
): Promise<Manifests> {
  const documents = parseAllDocuments(await renderChart(options));
  const objects = documents.map((document) => document.toJS() as unknown).filter((object) => object !== null);
  return { version: options.version, digest: keyOf(JSON.stringify(objects)).slice(0, 16), objects };
}

export async function chartKey(): Promise<string> {
  return keyOfFiles(CHART);
}

function split(reference: string): readonly [string, string] {
  const colon = reference.lastIndexOf(":");
  return [reference.slice(0, colon), reference.slice(colon + 1)];
}
