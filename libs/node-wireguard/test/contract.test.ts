import { describeWireGuardDevice } from "@cluster-os/mesh/contract";
import { KernelWireGuard } from "../src/index.ts";
import { FakeKernel } from "./fake/kernel.ts";

const links = [
  { index: 1, name: "lo" },
  { index: 2, name: "eth0" },
  { index: 3, name: "cos0", kind: "wireguard" },
];

for (const partBytes of [3_700, 500]) {
  describeWireGuardDevice(`a kernel's model, dumps in parts of ${partBytes} bytes`, () => {
    const kernel = new FakeKernel({ links, partBytes });
    return Promise.resolve({ device: new KernelWireGuard(kernel), name: "cos0" });
  });
}
