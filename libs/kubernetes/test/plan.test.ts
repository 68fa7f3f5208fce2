import { expect } from "chai";
import fc from "fast-check";
import { canLowerOomScore, reachableNameservers } from "../src/machine.ts";
import {
  etcdArguments,
  initialCluster,
  memberOf,
  MemberList,
  isMajorityWithout,
  successor,
  withoutServer,
  withServer,
  type EtcdMember,
} from "../src/plan/etcd.ts";
import { firewallRules } from "../src/plan/firewall.ts";
import { mountsBelow } from "../src/plan/mounts.ts";
import { nodeName, placement, server } from "./fixtures.ts";

function member(index: number, change: Partial<EtcdMember> = {}): EtcdMember {
  return {
    ID: `${index}`,
    name: nodeName(index),
    peerURLs: [`https://10.86.0.${index}:2380`],
    clientURLs: [`https://10.86.0.${index}:2379`],
    isLearner: false,
    ...change,
  };
}

describe("members of etcd", () => {
  const unstarted = member(3, { name: "", clientURLs: [], isLearner: true });
  const cases: readonly {
    readonly name: string;
    readonly members: readonly EtcdMember[];
    readonly of: { readonly nodeName: string; readonly address: string | undefined };
    readonly expected: string | undefined;
  }[] = [
    { name: "a started one by its name", members: [member(1), member(2)], of: at(2), expected: "2" },
    { name: "an announced one by its address", members: [member(1), unstarted], of: at(3), expected: "3" },
    { name: "a worker is none", members: [member(1)], of: at(4), expected: undefined },
    {
      name: "an announced one of another machine is not taken",
      members: [unstarted],
      of: at(4),
      expected: undefined,
    },
    {
      name: "without an address only the name counts",
      members: [unstarted, member(2)],
      of: { nodeName: nodeName(2), address: undefined },
      expected: "2",
    },
    {
      name: "a machine that took over an address is not the named member there",
      members: [member(1)],
      of: { nodeName: nodeName(9), address: "10.86.0.1" },
      expected: undefined,
    },
  ];
  for (const { name, members, of, expected } of cases) {
    it(name, () => expect(memberOf(members, of)?.ID).to.equal(expected));
  }

  it("are parsed from the gateway's JSON, which leaves defaults out", () => {
    const body = { header: {}, members: [{ ID: "9308", peerURLs: ["https://10.86.0.2:2380"] }] };
    expect(MemberList.parse(body).members).to.deep.equal([
      { ID: "9308", name: "", peerURLs: ["https://10.86.0.2:2380"], clientURLs: [], isLearner: false },
    ]);
    expect(MemberList.parse({}).members).to.deep.equal([]);
  });

  it("are all named to one that joins, itself last", () => {
    expect(
      initialCluster([member(1), member(2), unstarted], { nodeName: nodeName(3), address: "10.86.0.3" }),
    ).to.equal([1, 2, 3].map((index) => `${nodeName(index)}=https://10.86.0.${index}:2380`).join(","));
  });

  it("hand over to a healthy voter, never to a learner or to the one that leaves", () => {
    const members = [member(1), member(2, { isLearner: true }), member(3), member(4)];
    expect(successor(members, new Set(["1", "2", "4"]), member(1))?.ID).to.equal("4");
    expect(successor(members, new Set(["1", "2"]), member(1))).to.equal(undefined);
  });

  for (const [name, members, healthy, expected] of [
    ["the only one", [1], [1], false],
    ["one of two, beside a healthy one", [1, 2], [1, 2], true],
    ["one of three, all healthy", [1, 2, 3], [1, 2, 3], true],
    ["one of three, beside a dead one", [1, 2, 3], [1, 2], false],
    ["one of four, beside a dead one", [1, 2, 3, 4], [1, 2, 3], true],
    ["one of five, beside two dead ones", [1, 2, 3, 4, 5], [1, 2, 3], false],
  ] as const) {
    it(`can${expected ? "" : "not"} do without ${name}`, () => {
      const all = [...members.map((index) => member(index)), member(9, { isLearner: true })];
      expect(isMajorityWithout(all, new Set([...healthy, 9].map(String)), member(1))).to.equal(expected);
    });
  }

  it("copy over mutually authenticated connections", () => {
    const text = etcdArguments(placement(2), "x").join(" ");
    expect(text).to.include("--peer-client-cert-auth=true").and.include("--client-cert-auth=true");
    expect(text).to.not.include("http://");
  });
});

describe("the balancer's list", () => {
  it("has a server once, however often it is added, and loses it whole", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 5 })), (indexes) => {
        const list = indexes.map(server).reduce(withServer, []);
        expect(list.map(({ nodeName: name }) => name)).to.have.members([...new Set(indexes.map(nodeName))]);
        for (const index of indexes) {
          expect(withoutServer(list, nodeName(index)).map((entry) => entry.nodeName)).to.not.include(
            nodeName(index),
          );
        }
      }),
    );
  });
});

describe("the packet filter", () => {
  it("lets pods through and lends the machine's address only outside the mesh", () => {
    const rules = firewallRules(placement(2), "cos0").map(({ table, chain, match }) =>
      [
        table,
        chain,
        ...match.filter((word) => !["-m", "comment", "--comment", "cluster-os"].includes(word)),
      ].join(" "),
    );
    expect(rules).to.deep.equal([
      "filter FORWARD -s 10.112.0.0/12 -j ACCEPT",
      "filter FORWARD -d 10.112.0.0/12 -j ACCEPT",
      "nat POSTROUTING -s 10.112.2.0/24 ! -d 10.112.0.0/12 ! -o cos0 -j MASQUERADE",
    ]);
  });
});

describe("mounts", () => {
  it("are found below a folder only, deepest first, with their real names", () => {
    const info = [
      "21 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw",
      "30 21 8:1 /k /var/lib/kubelet rw - ext4 /dev/sda1 rw",
      "31 30 0:40 / /var/lib/kubelet/pods/a/volumes/v rw - tmpfs tmpfs rw",
      "32 31 0:41 / /var/lib/kubelet/pods/a/volumes/v/my\\040data rw - nfs host:/x rw",
      "33 21 0:42 / /var/lib/kubelet-other rw - tmpfs tmpfs rw",
      "",
    ].join("\n");
    expect(mountsBelow(info, "/var/lib/kubelet")).to.deep.equal([
      "/var/lib/kubelet/pods/a/volumes/v/my data",
      "/var/lib/kubelet/pods/a/volumes/v",
    ]);
  });
});

describe("what a machine can", () => {
  it("reads CAP_SYS_RESOURCE out of /proc/self/status", () => {
    expect(canLowerOomScore("Name:\tnode\nCapEff:\t000001ffffffffff\n")).to.equal(true);
    expect(canLowerOomScore("Name:\tnode\nCapEff:\t000001fffeffffff\n")).to.equal(false);
    expect(canLowerOomScore("Name:\tnode\n")).to.equal(false);
  });

  it("names only name servers that a pod could ask too", () => {
    const text =
      "# by hand\nnameserver 127.0.0.53\nnameserver 192.168.1.1\nnameserver fe80::1%eth0\nsearch lan\nnameserver 2001:db8::1\n";
    expect(reachableNameservers(text)).to.deep.equal(["192.168.1.1", "2001:db8::1"]);
    expect(reachableNameservers("")).to.deep.equal([]);
  });
});

function at(index: number): { readonly nodeName: string; readonly address: string } {
  return { nodeName: nodeName(index), address: `10.86.0.${index}` };
}
