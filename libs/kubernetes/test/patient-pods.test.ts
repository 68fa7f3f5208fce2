import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import { patientPods, PATIENCE_VARIABLE } from "../src/index.ts";
import { renderClusterDns } from "../src/render/coredns.ts";
import { chooseAddressPlan } from "@cluster-os/mesh";

const deployment = {
  kind: "Deployment",
  metadata: { name: "operator" },
  spec: {
    replicas: 2,
    template: {
      metadata: { labels: { app: "operator" } },
      spec: {
        serviceAccountName: "operator",
        containers: [
          {
            name: "operator",
            env: [
              { name: "POD_NAME", valueFrom: {} },
              { name: PATIENCE_VARIABLE, value: "1" },
            ],
            startupProbe: { httpGet: { path: "/healthz" }, periodSeconds: 1, failureThreshold: 60 },
            livenessProbe: { httpGet: { path: "/healthz" }, timeoutSeconds: 5 },
          },
        ],
      },
    },
  },
};

describe("patientPods", () => {
  it("gives pods' probes more time, looks less often, and tells the program", () => {
    const [patient] = patientPods([deployment], 2.5);
    const { template, replicas } = (patient as typeof deployment).spec;
    expect(replicas).to.equal(2);
    expect(template.metadata).to.deep.equal(deployment.spec.template.metadata);
    expect(template.spec.serviceAccountName).to.equal("operator");
    expect(template.spec.containers).to.deep.equal([
      {
        name: "operator",
        env: [
          { name: "POD_NAME", valueFrom: {} },
          { name: PATIENCE_VARIABLE, value: "2.5" },
        ],
        startupProbe: {
          httpGet: { path: "/healthz" },
          periodSeconds: 3,
          timeoutSeconds: 3,
          failureThreshold: 60,
        },
        livenessProbe: { httpGet: { path: "/healthz" }, periodSeconds: 25, timeoutSeconds: 13 },
      },
    ]);
  });

  it("changes nothing on usual machines, nor what makes no pods", () => {
    const objects = [deployment, { kind: "ConfigMap", data: { a: "b" } }];
    expect(patientPods(objects, 1)).to.equal(objects);
    expect(patientPods(objects, 4)[1]).to.equal(objects[1]);
  });

  it("speaks of the variable that the chart has", async () => {
    const chart = join(import.meta.dirname, "../../../infra/charts/cluster-os/templates/deployment.yaml");
    expect(await readFile(chart, "utf8")).to.include(`- name: ${PATIENCE_VARIABLE}\n`);
  });

  it("reaches the cluster's DNS", () => {
    const dns = patientPods(renderClusterDns(chooseAddressPlan([]), []), 10);
    const texts = dns.map((object) => JSON.stringify(object)).filter((text) => text.includes("Probe"));
    expect(texts).to.have.length(1);
    expect(texts[0]).to.include(
      '"livenessProbe":{"httpGet":{"path":"/health","port":8080},"periodSeconds":100',
    );
  });
});
