import { expect } from "chai";
import fc from "fast-check";
import { overlaps, parseNetwork, size } from "../src/cidr.ts";
import {
  AddressPlan,
  chooseAddressPlan,
  dnsAddress,
  MAX_INDEX,
  meshAddress,
  NoAddressPlanError,
  podNetwork,
} from "../src/index.ts";

const plan = chooseAddressPlan([]);
const index = fc.integer({ min: 1, max: MAX_INDEX });
const isInside = (inner: string, outer: string): boolean => {
  const [small, large] = [parseNetwork(inner), parseNetwork(outer)];
  return small.first >= large.first && small.first + size(small.prefix) <= large.first + size(large.prefix);
};

describe("address plan", () => {
  it("is the documented one where nothing is in the way", () => {
    expect(plan).to.deep.equal({ mesh: "10.86.0.0/16", pods: "10.112.0.0/12", services: "10.87.0.0/16" });
    expect(meshAddress(plan, 1)).to.equal("10.86.0.1");
    expect(podNetwork(plan, 1)).to.equal("10.112.1.0/24");
    expect(podNetwork(plan, 4000)).to.equal("10.127.160.0/24");
    expect(dnsAddress(plan)).to.equal("10.87.0.10");
  });

  const lans = [
    { name: "a home LAN", lan: ["192.168.1.7/24"], mesh: "10.86.0.0/16" },
    { name: "a LAN inside the mesh", lan: ["10.86.4.1/24"], mesh: "10.214.0.0/16" },
    { name: "a LAN inside the pods", lan: ["10.120.0.1/16"], mesh: "10.214.0.0/16" },
    { name: "all of 10/8", lan: ["10.1.2.3/8"], mesh: "172.30.0.0/16" },
    { name: "all of 10/8 and 172.16/12", lan: ["10.1.2.3/8", "172.20.0.1/12"], mesh: "100.86.0.0/16" },
    { name: "an IPv6 network is not in the way", lan: ["fd00::/64"], mesh: "10.86.0.0/16" },
  ];
  for (const { name, lan, mesh } of lans) {
    it(`keeps out of the way: ${name}`, () => {
      expect(chooseAddressPlan(lan).mesh).to.equal(mesh);
    });
  }

  it("has no networks of a plan overlap each other", () => {
    for (const { lan } of lans) {
      const [mesh, pods, services] = Object.values(chooseAddressPlan(lan)).map(parseNetwork) as [
        never,
        never,
        never,
      ];
      expect(overlaps(mesh, pods) || overlaps(mesh, services) || overlaps(pods, services)).to.equal(false);
    }
  });

  it("says what to do when everything is taken", () => {
    expect(() => chooseAddressPlan(["10.0.0.0/8", "172.16.0.0/12", "100.64.0.0/10"])).to.throw(
      NoAddressPlanError,
      "10.0.0.0/8",
    );
  });

  it("gives two indexes two addresses and two pod networks, inside the plan", () => {
    fc.assert(
      fc.property(index, index, (one, other) => {
        expect(isInside(`${meshAddress(plan, one)}/32`, plan.mesh)).to.equal(true);
        expect(isInside(podNetwork(plan, one), plan.pods)).to.equal(true);
        expect(meshAddress(plan, one) === meshAddress(plan, other)).to.equal(one === other);
        expect(overlaps(parseNetwork(podNetwork(plan, one)), parseNetwork(podNetwork(plan, other)))).to.equal(
          one === other,
        );
      }),
    );
  });

  it("refuses a plan that could not hold a cluster", () => {
    const wrong: [string, Partial<AddressPlan>][] = [
      ["a network that is none", { mesh: "10.86.0.0" }],
      ["an address instead of a network", { mesh: "10.86.0.1/16" }],
      ["a mesh too small", { mesh: "10.86.0.0/24" }],
      ["pods too few", { pods: "10.112.0.0/16" }],
      ["services too few", { services: "10.87.0.0/28" }],
      ["services inside the pods", { services: "10.113.0.0/16" }],
      ["leading zeros, which some read as octal", { services: "010.87.0.0/16" }],
    ];
    for (const [name, change] of wrong) {
      expect(AddressPlan.safeParse({ ...plan, ...change }).success, name).to.equal(false);
    }
    expect(AddressPlan.parse(plan)).to.deep.equal(plan);
  });

  it("chooses only plans that are valid themselves", () => {
    for (const { lan } of lans) expect(AddressPlan.safeParse(chooseAddressPlan(lan)).success).to.equal(true);
  });

  it("chooses a plan beside whatever networks the machines are on, or says that there is none", () => {
    const octet = fc.nat(255);
    const lan = fc.tuple(
      fc.constantFrom(10, 100, 172, 192),
      octet,
      octet,
      octet,
      fc.integer({ min: 8, max: 32 }),
    );
    fc.assert(
      fc.property(
        fc.array(
          lan.map(([a, b, c, d, bits]) => `${a}.${b}.${c}.${d}/${bits}`),
          { maxLength: 6 },
        ),
        (taken) => {
          try {
            const chosen = Object.values(chooseAddressPlan(taken)).map(parseNetwork);
            for (const one of taken)
              expect(chosen.some((network) => overlaps(network, parseNetwork(one)))).to.equal(false);
          } catch (error) {
            expect(error).to.be.instanceOf(NoAddressPlanError);
          }
        },
      ),
    );
  });

  it("refuses an index out of range", () => {
    for (const wrong of [0, -1, 1.5, MAX_INDEX + 1]) expect(() => meshAddress(plan, wrong)).to.throw("index");
  });
});
