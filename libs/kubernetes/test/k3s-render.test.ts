import { expect } from "chai";
import { parse } from "yaml";
import { K3S } from "../src/k3s-settings.ts";
import {
  renderAgentConfig,
  renderKubeletDropIn,
  renderResolvConf,
  renderServerConfig,
} from "../src/render/k3s.ts";
import { labMachine, placement, realMachine } from "./fixtures.ts";
import { expectGolden } from "./golden.ts";
import { DOCUMENTED } from "./k3s-documented.ts";

const parsed = (text: string): Record<string, unknown> => parse(text) as Record<string, unknown>;

describe("k3s' files of a node", () => {
  const files: readonly { readonly name: string; readonly render: () => string }[] = [
    { name: "k3s/server-found.yaml", render: () => renderServerConfig(placement(1), "found") },
    { name: "k3s/server-join.yaml", render: () => renderServerConfig(placement(2, [1]), "join") },
    { name: "k3s/agent.yaml", render: () => renderAgentConfig(placement(4, [1, 2])) },
    { name: "k3s/kubelet-real.conf", render: () => renderKubeletDropIn(placement(2), realMachine) },
    { name: "k3s/kubelet-lab.conf", render: () => renderKubeletDropIn(placement(2), labMachine) },
    { name: "k3s/resolv.conf", render: () => renderResolvConf(realMachine) },
  ];
  for (const { name, render } of files) it(name, () => expectGolden(name, render()));
});

describe("k3s' documented options", () => {
  const server = [...DOCUMENTED.server, ...DOCUMENTED.agent];
  const agent = [...DOCUMENTED.agent, ...DOCUMENTED.agentOnly];

  for (const start of ["found", "join"] as const) {
    it(`have all that a server is told to ${start}`, () => {
      expect(server).to.include.members(Object.keys(parsed(renderServerConfig(placement(1), start))));
    });
  }

  it("have all that an agent is told, and none of it is a server's", () => {
    const keys = Object.keys(parsed(renderAgentConfig(placement(4))));
    expect(agent).to.include.members(keys);
    expect(keys.filter((key) => DOCUMENTED.server.includes(key))).to.deep.equal([]);
  });

  it("are the same on all servers where they have to be", () => {
    const [first, second] = [
      parsed(renderServerConfig(placement(1), "found")),
      parsed(renderServerConfig(placement(2, [1]), "join")),
    ];
    for (const key of DOCUMENTED.sameOnAllServers) expect(second[key], key).to.deep.equal(first[key]);
    expect(second["agent-token-file"]).to.equal(first["agent-token-file"]);
    expect(second["disable"]).to.deep.equal(first["disable"]);
  });

  it("have every component that is switched off", () => {
    const { disable } = parsed(renderServerConfig(placement(1), "found")) as { disable: string[] };
    expect(DOCUMENTED.disableable).to.include.members(disable);
  });

  it("are in files that are documented, too", () => {
    const paths = Object.keys(DOCUMENTED.files);
    const own = [
      ...[
        K3S.program,
        K3S.version,
        K3S.runningVersion,
        K3S.tokens,
        K3S.serverToken,
        K3S.agentToken,
        K3S.joinToken,
        K3S.resolvConf,
      ],
      ...[K3S.stopPods, K3S.linkImages, ...K3S.packagedImages],
    ];
    const theirs = Object.values(K3S)
      .flat()
      .filter((path) => !(own as readonly string[]).includes(path));
    for (const path of theirs) {
      const isKnown = paths.some(
        (known) => known === path || known.startsWith(path) || path.startsWith(`${known}/`),
      );
      expect(isKnown, path).to.equal(true);
    }
  });
});

describe("k3s' configuration", () => {
  const all = [
    renderServerConfig(placement(1), "found"),
    renderServerConfig(placement(2), "join"),
    renderAgentConfig(placement(4)),
  ];

  it("holds no secret, only where one lies", () => {
    for (const text of all) {
      const keys = Object.keys(parsed(text));
      expect(keys).to.include("token-file");
      expect(keys).to.not.include.members(["token"]).and.not.include("agent-token");
    }
  });

  it("founds a cluster once: a server that belongs to one is told where the others are", () => {
    expect(parsed(all[0] as string))
      .to.include({ "cluster-init": true })
      .and.not.have.property("server");
    expect(parsed(all[1] as string)).to.not.have.property("cluster-init");
  });

  it("never trades etcd's durability for speed", () => {
    for (const text of all) expect(text).to.not.include("fsync");
  });

  it("names no server in the internet where a machine has none of its own", () => {
    expect(renderResolvConf(labMachine)).to.equal("");
  });
});
