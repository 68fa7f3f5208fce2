import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { execa } from "execa";
import { CHART, renderChart, renderManifests } from "../deb/chart.ts";
import { helm } from "../deb/helm.ts";

const IMAGE = "registry.local/cluster-os/clusternode-operator:0.1.0-abc";

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}
interface Container {
  readonly image: string;
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
        readonly affinity: { readonly podAntiAffinity: Record<string, unknown> };
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
  const find = (kind: string): ChartObject => objects.find((object) => object.kind === kind) as ChartObject;

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
    { name: "no replica", values: { operator: { replicas: 0 } }, reason: "minimum" },
    {
      name: "an operator without limits",
      values: { operator: { resources: { limits: null } } },
      reason: "limits",
    },
    { name: "a log level there is not", values: { operator: { logLevel: "loud" } }, reason: "logLevel" },
    { name: "a word that is misspelt", values: { operator: { replica: 2 } }, reason: "replica" },
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

  it("the operator runs as nobody, on a root it cannot write, with nothing it could use", () => {
    const pod = find("Deployment").spec?.template?.spec;
    expect(pod?.securityContext).to.deep.include({
      runAsNonRoot: true,
      runAsUser: 65532,
      seccompProfile: { type: "RuntimeDefault" },
    });
    for (const container of pod?.containers ?? []) {
      expect(container.securityContext).to.deep.equal({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      });
      expect(container.image).to.equal(IMAGE);
      expect(Object.keys(container.resources.limits)).to.have.members(["cpu", "memory"]);
    }
  });

  it("two replicas stand on two machines, servers too, before ordinary pods", () => {
    const { spec } = find("Deployment");
    expect(spec?.replicas).to.equal(2);
    const pod = spec?.template?.spec;
    expect(pod?.priorityClassName).to.equal("system-cluster-critical");
    expect(pod?.affinity.podAntiAffinity).to.have.property("requiredDuringSchedulingIgnoredDuringExecution");
    expect(pod?.tolerations.map(({ key }) => key)).to.include("node-role.kubernetes.io/control-plane");
    expect(find("PodDisruptionBudget").spec).to.include({ maxUnavailable: 1 });
  });

  /** Every right of the operator, one line each: a new one has to be written here, and is seen in a review. */
  it("the operator has these rights and no others", () => {
    const lines = objects
      .filter(({ kind }) => kind === "ClusterRole" || kind === "Role")
      .flatMap(({ metadata, rules = [] }) =>
        rules.flatMap(({ resources, resourceNames = ["*"], verbs }) =>
          resources.flatMap((resource) =>
            verbs.map(
              (verb) => `${metadata.namespace ?? "cluster"}: ${verb} ${resource} ${resourceNames.join()}`,
            ),
          ),
        ),
      );
    expect(lines).to.have.members([
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
    ]);
  });

  it("carries the policies that bound them", () => {
    const names = objects
      .filter(({ kind }) => kind === "ValidatingAdmissionPolicy")
      .map(({ metadata }) => metadata.name);
    expect(names).to.have.members([
      "cluster-os-node-agents",
      "cluster-os-clusternode-operator",
      "cluster-os-revoked-nodes",
      "cluster-os-records",
    ]);
  });
});
