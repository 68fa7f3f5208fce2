import { expect } from "chai";
import { INNER_NETWORKS, isUnderlayInterface } from "../src/index.ts";

describe("interfaces that lead to other machines", () => {
  for (const name of ["eth0", "enp3s0", "enx001122334455", "wlan0", "bond0", "ib0", "site0", "green0"]) {
    it(`${name} does`, () => expect(isUnderlayInterface(name)).to.equal(true));
  }
  for (const name of [
    "lo",
    "cos0",
    "cni0",
    "veth12",
    "docker0",
    "br-12ab",
    "kube-ipvs0",
    "flannel.1",
    "cilium_host",
    "virbr0",
    "tap0",
    "tun3",
    "tunl0",
    "wg0",
    "dummy0",
    "sit0",
    "gre0",
    "ip6tnl0",
    ...INNER_NETWORKS.map((name) => name.replace("*", "0")),
  ]) {
    it(`${name} does not`, () => expect(isUnderlayInterface(name)).to.equal(false));
  }
});
