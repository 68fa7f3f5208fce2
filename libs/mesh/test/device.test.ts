import { InMemoryWireGuard } from "../src/index.ts";
import { UserspaceWireGuard } from "../src/drivers/index.ts";
import { describeWireGuardDevice } from "./device.contract.ts";
import { publicKeyOf } from "./keys.ts";
import { buildWireGuardGo, Lan, SOCKET_FOLDER, whyNotHere } from "./lan.ts";

describeWireGuardDevice("in memory", () => {
  return Promise.resolve({ device: new InMemoryWireGuard(["cos0"], publicKeyOf), name: "cos0" });
});

const obstacle = await whyNotHere();
if (obstacle !== undefined) it(`WireGuardDevice: wireguard-go is not tested here: ${obstacle}`);
else {
  let lan: Lan | undefined;
  after(() => lan?.[Symbol.asyncDispose]());
  describeWireGuardDevice("wireguard-go", async () => {
    lan = await Lan.open(1, await buildWireGuardGo());
    const device = new UserspaceWireGuard({ socketFolder: SOCKET_FOLDER, publicKeyOf });
    return { device, name: lan.machines[0]?.device ?? "" };
  });
}
