import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import fc from "fast-check";
import { parse, parseAllDocuments } from "yaml";
import { renderCniConfig } from "../src/render/cni.ts";
import { renderContainerdConfig } from "../src/render/containerd.ts";
import { renderClusterDns } from "../src/render/coredns.ts";
import { renderDiscoveryKubeconfig } from "../src/render/discovery.ts";
import { yamlDocuments } from "../src/render/document.ts";
import { renderBalancer, renderBalancerScript } from "../src/render/haproxy.ts";
import { withApiName } from "../src/render/hosts.ts";
import {
  renderEtcdConfiguration,
  renderInitConfiguration,
  renderJoinConfiguration,
  renderRenewalConfiguration,
  renderUploadCertsConfiguration,
} from "../src/render/kubeadm.ts";
import { dnsAddress } from "../src/render/networks.ts";
import { renderPatches } from "../src/render/patches.ts";
import { readSecretsKey, renderBootstrapToken, renderSecretsEncryption } from "../src/render/secrets.ts";
import { renderUpgradeConfiguration } from "../src/render/upgrade.ts";
import { BALANCER_PORT } from "../src/settings.ts";
import { CA_CERTIFICATE, labMachine, placement, realMachine, serverCredentials } from "./fixtures.ts";
import { expectGolden } from "./golden.ts";

const VERSION = "v1.34.4";
const plan = placement(1).addressPlan;
const { token, certificateKey } = serverCredentials;

describe("files of a node", () => {
  const files: readonly { readonly name: string; readonly render: () => string }[] = [
    { name: "init.yaml", render: () => renderInitConfiguration(VERSION, placement(1), token) },
    {
      name: "join-worker.yaml",
      render: () => renderJoinConfiguration(placement(4), token, "/run/discovery.conf"),
    },
    {
      name: "join-server.yaml",
      render: () => renderJoinConfiguration(placement(2), token, "/run/discovery.conf", serverCredentials),
    },
    {
      name: "upload-certs.yaml",
      render: () => renderUploadCertsConfiguration(VERSION, placement(1), certificateKey),
    },
    {
      name: "init-with-a-life.yaml",
      render: () => renderInitConfiguration(VERSION, placement(1), token, 1, 90 * 86_400_000),
    },
    {
      name: "renewal.yaml",
      render: () => renderRenewalConfiguration(VERSION, placement(1), 90 * 86_400_000),
    },
    {
      name: "etcd.yaml",
      render: () => renderEtcdConfiguration(VERSION, placement(2), "a=https://10.86.0.1:2380"),
    },
    {
      name: "upgrade-control-plane.yaml",
      render: () => renderUpgradeConfiguration("v1.35.4", "control-plane"),
    },
    { name: "upgrade-kubelet.yaml", render: () => renderUpgradeConfiguration("v1.35.4", "kubelet") },
    { name: "discovery.conf", render: () => renderDiscoveryKubeconfig(CA_CERTIFICATE) },
    { name: "haproxy-three-servers.cfg", render: () => renderBalancer(placement(1, [3, 1, 2])) },
    { name: "haproxy-one-server.cfg", render: () => renderBalancer(placement(2, [1])) },
    { name: "haproxy-no-servers.cfg", render: () => renderBalancer(placement(2, [])) },
    { name: "haproxy.lua", render: renderBalancerScript },
    { name: "containerd-real.toml", render: () => renderContainerdConfig(realMachine) },
    { name: "containerd-lab.toml", render: () => renderContainerdConfig(labMachine) },
    { name: "cni.conflist", render: () => renderCniConfig(placement(2)) },
    { name: "cluster-dns.yaml", render: () => yamlDocuments(...renderClusterDns(plan, ["192.168.1.1"])) },
    { name: "secrets-encryption.yaml", render: () => renderSecretsEncryption(serverCredentials.secretsKey) },
    {
      name: "bootstrap-token.yaml",
      render: () =>
        yamlDocuments(
          renderBootstrapToken({
            token,
            expiresAt: Date.UTC(2026, 10, 21, 6, 30),
            description: "a join",
            group: "system:bootstrappers:kubeadm:default-node-token",
          }),
        ),
    },
  ];
  for (const { name, render } of files) it(name, () => expectGolden(name, render()));

  for (const [name, machine] of [
    ["real", realMachine],
    ["lab", labMachine],
  ] as const) {
    it(`patches of a ${name} machine`, () => {
      expectGolden(`patches-${name}.txt`, patchesText(renderPatches(placement(2), machine)));
    });
  }
  it("patches of a slow machine", () => {
    expectGolden("patches-slow.txt", patchesText(renderPatches(placement(2), realMachine, 10)));
  });
});

function patchesText(patches: Readonly<Record<string, string>>): string {
  return Object.entries(patches)
    .map(([file, content]) => `# ${file}\n${content}`)
    .join("");
}

describe("what holds for the whole cluster", () => {
  it("holds nothing of one machine's control groups", () => {
    const documents = parseAllDocuments(renderInitConfiguration(VERSION, placement(1), token)).map(
      (document) => document.toJS() as { readonly kind: string },
    );
    const kubelet = documents.find(({ kind }) => kind === "KubeletConfiguration");
    expect(kubelet).to.include({ cgroupDriver: "systemd" });
    expect(kubelet).to.not.have.property("failCgroupV1");
  });

  it("gives slow machines time: steps, etcd's elections, the controllers' leases", () => {
    const text = renderInitConfiguration(VERSION, placement(1), token, 6);
    for (const part of [
      "controlPlaneComponentHealthCheck: 12m0s",
      "discovery: 3m0s",
      ...["9000", "1m30s", "2m0s"].map((value) => `value: ${value}`),
    ])
      expect(text.replaceAll('"', "")).to.include(part);
  });

  it("has slow machines' kubelets look at their containers as much less often", () => {
    expect(renderInitConfiguration(VERSION, placement(1), token)).to.not.include("housekeeping");
    const join = renderJoinConfiguration(placement(4), token, "/run/discovery.conf", undefined, 6);
    expect(join).to.include("- name: housekeeping-interval\n      value: 1m0s\n");
  });
  it("never trades etcd's durability for speed", () => {
    expect(renderInitConfiguration(VERSION, placement(1), token)).to.not.include("fsync");
  });

  it("leaves names of other domains alone where nobody outside can be asked", () => {
    expect(JSON.stringify(renderClusterDns(plan, []))).to.not.include("forward");
  });
});

describe("the balancer", () => {
  it("waits longer, and looks less often, on slow machines", () => {
    const text = renderBalancer(placement(2, [1]), 10);
    expect(text).to.include("timeout connect 10000ms");
    expect(text).to.include("timeout check 30000ms");
    expect(text).to.include("inter 10000ms fastinter 5000ms downinter 5000ms");
  });

  it("is where the chart sends the operators' pods", () => {
    const deployment = "../../../infra/charts/cluster-os/templates/deployment.yaml";
    const chart = readFileSync(join(import.meta.dirname, deployment), "utf8");
    expect(/name: KUBERNETES_SERVICE_PORT\s+value: "([0-9]+)"/.exec(chart)?.[1]).to.equal(
      String(BALANCER_PORT),
    );
  });

  it("is the same whatever the order of its servers", () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([1, 2, 3, 4, 5], { minLength: 5 }), (order) => {
        expect(renderBalancer(placement(1, order))).to.equal(renderBalancer(placement(1, [1, 2, 3, 4, 5])));
      }),
    );
  });
});

describe("/etc/hosts", () => {
  const cases: readonly { readonly name: string; readonly before: string; readonly after: string }[] = [
    {
      name: "gets the name",
      before: "127.0.0.1 localhost\n",
      after: "127.0.0.1 localhost\n127.0.0.1 kubernetes.cluster-os.internal\n",
    },
    { name: "is made where there is none", before: "", after: "127.0.0.1 kubernetes.cluster-os.internal\n" },
    {
      name: "loses an older entry, and no other line",
      before:
        "10.0.0.9 kubernetes.cluster-os.internal old\n# 10.0.0.9 kubernetes.cluster-os.internal\n\n::1 localhost",
      after:
        "# 10.0.0.9 kubernetes.cluster-os.internal\n\n::1 localhost\n127.0.0.1 kubernetes.cluster-os.internal\n",
    },
  ];
  for (const { name, before, after } of cases) it(name, () => expect(withApiName(before)).to.equal(after));

  it("does not change a second time", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom("a", ".", " ", "\n", "#", "\t", "1") }), (text) => {
        const once = withApiName(text);
        expect(withApiName(once)).to.equal(once);
      }),
    );
  });
});

describe("addresses and keys", () => {
  it("finds the tenth address of the service network", () => {
    expect(dnsAddress(plan)).to.equal("10.87.0.10");
    expect(dnsAddress({ ...plan, services: "192.168.255.248/12" })).to.equal("192.169.0.2");
  });

  it("reads the key that encrypts Secrets back", () => {
    expect(readSecretsKey(renderSecretsEncryption(serverCredentials.secretsKey))).to.equal(
      serverCredentials.secretsKey,
    );
    expect(() => readSecretsKey("kind: Other\n")).to.throw();
  });

  it("writes a discovery file that kubeadm takes without a context", () => {
    const { clusters } = parse(renderDiscoveryKubeconfig(CA_CERTIFICATE)) as { clusters: { name: string }[] };
    expect(clusters.map(({ name }) => name)).to.deep.equal([""]);
  });
});
