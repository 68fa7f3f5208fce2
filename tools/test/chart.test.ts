import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { execa } from "execa";
import { POD_PROGRAMS } from "../deb/bundle.ts";
import { CHART, renderChart, renderManifests } from "../deb/chart.ts";
import { helm } from "../deb/helm.ts";

const IMAGE = "registry.local/cluster-os/operators:0.1.0-abc";

const ROLES: readonly string[] = ["ClusterRole", "Role"];

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}
interface Container {
  readonly image: string;
  readonly args: readonly string[];
  readonly resources: { readonly limits: Record<string, string> };
  readonly securityContext: Record<string, unknown>;
}
interface ChartObject {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly rules?: readonly Rule[];
  readonly spec?: {
    readonly replicas?: number;
    readonly template?: {
      readonly spec: {
        readonly securityContext: Record<string, unknown>;
        readonly containers: readonly Container[];
        readonly priorityClassName: string;
        readonly serviceAccountName: string;
        readonly affinity: {
          readonly podAntiAffinity: {
            readonly requiredDuringSchedulingIgnoredDuringExecution: readonly {
              readonly labelSelector: { readonly matchLabels: Readonly<Record<string, string>> };
            }[];
          };
        };
        readonly tolerations: readonly { readonly key: string }[];
      };
    };
  };
}

describe("the Helm chart cluster-os", function () {
  this.timeout(120_000);
  let objects: readonly ChartObject[];
  before(async () => {
    objects = (await renderManifests({ version: "0.1.0", image: IMAGE })).objects as readonly ChartObject[];
  });
  const find = (kind: string, name: string): ChartObject =>
    objects.find((object) => object.kind === kind && object.metadata.name === name) as ChartObject;

  it("helm lint finds nothing", async () => {
    const { stdout } = await execa(await helm(), ["lint", "--strict", CHART]);
    expect(stdout).to.contain("0 chart(s) failed");
  });

  it("is rendered as it was reviewed", async () => {
    const golden = join(import.meta.dirname, "golden/chart.yaml");
    const text = await renderChart({ image: IMAGE });
    if (process.env["UPDATE_GOLDEN"]) await writeFile(golden, text);
    expect(text === (await readFile(golden, "utf8")), "UPDATE_GOLDEN=1 writes it anew").to.equal(true);
  });

  it("two renderings have one digest, another image another", async () => {
    const digest = async (image: string): Promise<string> =>
      (await renderManifests({ version: "0.1.0", image })).digest;
    expect(await digest(IMAGE))
      .to.equal(await digest(IMAGE))
      .and.not.equal(await digest(`${IMAGE}d`));
  });

  const refused: readonly { readonly name: string; readonly values: object; readonly reason: string }[] = [
    { name: "no replica", values: { operators: { replicas: 0 } }, reason: "minimum" },
    {
      name: "an operator without limits",
      values: { operators: { resources: { limits: null } } },
      reason: "limits",
    },
    { name: "a log level there is not", values: { operators: { logLevel: "loud" } }, reason: "logLevel" },
    { name: "a word that is misspelt", values: { operators: { replica: 2 } }, reason: "replica" },
  ];
  for (const { name, values, reason } of refused) {
    it(`refuses values with ${name}`, async () => {
      const folder = await mkdtemp(join(tmpdir(), "chart-values-"));
      try {
        const file = join(folder, "values.json");
        await writeFile(file, JSON.stringify(values));
        const error = await renderChart({ image: IMAGE, values: [file] }).then(() => "it was taken", String);
        expect(error).to.contain("values don't meet the specifications").and.contain(reason);
      } finally {
        await rm(folder, { recursive: true });
      }
    });
  }

  for (const name of POD_PROGRAMS) {
    it(`${name} runs as nobody, on a root it cannot write, with nothing it could use`, () => {
      const pod = find("Deployment", name).spec?.template?.spec;
      expect(pod?.serviceAccountName).to.equal(name);
      expect(pod?.securityContext).to.deep.include({
        runAsNonRoot: true,
        runAsUser: 65532,
        seccompProfile: { type: "RuntimeDefault" },
      });
      expect(pod?.containers).to.have.length(1);
      for (const container of pod?.containers ?? []) {
        expect(container.args[0]).to.equal(`/usr/lib/cluster-os/${name}.js`);
        expect(container.securityContext).to.deep.equal({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ["ALL"] },
        });
        expect(container.image).to.equal(IMAGE);
        expect(Object.keys(container.resources.limits)).to.have.members(["cpu", "memory"]);
      }
    });

    it(`two replicas of ${name} stand on two machines, servers too, before ordinary pods`, () => {
      const { spec } = find("Deployment", name);
      expect(spec?.replicas).to.equal(2);
      const pod = spec?.template?.spec;
      expect(pod?.priorityClassName).to.equal("system-cluster-critical");
      const apart = pod?.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution ?? [];
      expect(
        apart.map(({ labelSelector }) => labelSelector.matchLabels["app.kubernetes.io/name"]),
      ).to.deep.equal([name]);
      expect(pod?.tolerations.map(({ key }) => key)).to.include("node-role.kubernetes.io/control-plane");
      expect(find("PodDisruptionBudget", name).spec).to.include({ maxUnavailable: 1 });
    });
  }

  /** Every right of the operators, one line each: a new one has to be written here, and is seen in a review. */
  const rights: Readonly<Record<(typeof POD_PROGRAMS)[number], readonly string[]>> = {
    "clusternode-operator": [
      "cluster: get clusternodes *",
      "cluster: list clusternodes *",
      "cluster: watch clusternodes *",
      "cluster: patch clusternodes *",
      "cluster: patch clusternodes/status *",
      "cluster: get nodes *",
      "cluster: list nodes *",
      "cluster: watch nodes *",
      "cluster: patch nodes *",
      "cluster: delete nodes *",
      "cluster: delete clusterroles *",
      "cluster: delete clusterrolebindings *",
      "cluster: create events *",
      "cluster: patch events *",
      "cluster-os: get leases *",
      "cluster-os: list leases *",
      "cluster-os: watch leases *",
      "cluster-os: create leases *",
      "cluster-os: delete leases *",
      "cluster-os: update leases clusternode-operator",
      "cluster-os: list configmaps *",
      "cluster-os: patch configmaps *",
      "cluster-os: delete roles *",
      "cluster-os: delete rolebindings *",
    ],
    "slurm-operator": [
      "cluster: create slurmclusters *",
      "cluster: list slurmclusters default",
      "cluster: watch slurmclusters default",
      "cluster: patch slurmclusters/status default",
      "cluster: list slurmtokens *",
      "cluster: watch slurmtokens *",
      "cluster: patch slurmtokens/status *",
      "cluster: create secrets *",
      "cluster: patch secrets *",
      "cluster: list clusternodes *",
      "cluster: watch clusternodes *",
      "cluster: list nodes *",
      "cluster: watch nodes *",
      "default: create events *",
      "default: patch events *",
      "cluster-os: create leases *",
      "cluster-os: get leases slurm-operator",
      "cluster-os: update leases slurm-operator",
      "cluster-os: get leases slurm-default-controller",
      "cluster-os: list leases slurm-default-controller",
      "cluster-os: watch leases slurm-default-controller",
      "cluster-os: update leases slurm-default-controller",
      "cluster-os: get secrets slurm-default-munge",
      "cluster-os: update secrets slurm-default-munge",
      "cluster-os: get configmaps slurm-default-config",
      "cluster-os: create configmaps slurm-default-config",
      "cluster-os: patch configmaps slurm-default-config",
      "cluster-os: get endpointslices slurmrestd",
      "cluster-os: create endpointslices slurmrestd",
      "cluster-os: patch endpointslices slurmrestd",
      "cluster-os: list configmaps *",
      "cluster-os: watch configmaps *",
    ],
  };
  for (const [name, expected] of Object.entries(rights)) {
    it(`${name} has these rights and no others`, () => {
      const lines = objects
        .filter(({ kind, metadata }) => ROLES.includes(kind) && metadata.name === `cluster-os:${name}`)
        .flatMap(({ metadata, rules = [] }) =>
          rules.flatMap(({ resources, resourceNames = ["*"], verbs }) =>
            resources.flatMap((resource) =>
              verbs.map(
                (verb) => `${metadata.namespace ?? "cluster"}: ${verb} ${resource} ${resourceNames.join()}`,
              ),
            ),
          ),
        );
      expect(lines).to.have.members(expected);
    });
  }

  it("grants nothing to anybody else", () => {
    const names = objects.filter(({ kind }) => ROLES.includes(kind)).map(({ metadata }) => metadata.name);
    expect(new Set(names)).to.have.all.keys(...Object.keys(rights).map((name) => `cluster-os:${name}`));
  });

  it("carries the policies that bound them", () => {
    const names = objects
      .filter(({ kind }) => kind === "ValidatingAdmissionPolicy")
      .map(({ metadata }) => metadata.name);
    expect(names).to.have.members([
      "cluster-os-node-agents",
      "cluster-os-clusternode-operator",
      "cluster-os-slurm-operator",
      "cluster-os-revoked-nodes",
      "cluster-os-records",
    ]);
  });
});
