import type { NodeId } from "@cluster-os/identity";
import { silentLogger } from "@cluster-os/std";
import type { TimeAction, TimeObserved } from "@cluster-os/time";
import { expect } from "chai";
import { ClockWatch, type OtherServer } from "../src/time/clock-watch.ts";
import { TimeController, type Chrony } from "../src/time/time-controller.ts";

const SERVERS: readonly OtherServer[] = [1, 2].map((index) => ({
  nodeId: `ed25519:${index}` as NodeId,
  name: `n-${index}`,
  meshAddress: `10.86.0.${index}`,
}));
const never = new AbortController().signal;

/** A watch over two servers with these offsets; "silent" does not answer. */
function watchOver(offsets: (number | "silent")[]) {
  const time = { now: 0 };
  const watch = new ClockWatch({
    servers: () => SERVERS,
    ask: ({ name }) => {
      const offset = offsets[Number(name.slice(2)) - 1];
      return typeof offset === "number" ? Promise.resolve(offset) : Promise.reject(new Error("silent"));
    },
    now: () => time.now,
  });
  return { watch, time, offsets };
}

describe("ClockWatch", () => {
  it("lets begin what makes certificates while the clocks agree", async () => {
    const { watch } = watchOver([20, -900]);
    expect(await watch.mayBegin(never)).to.equal(true);
    expect(watch.isAwaited).to.equal(false);
    expect(watch.offsets).to.deep.equal([
      { name: "n-1", offsetMs: 20 },
      { name: "n-2", offsetMs: -900 },
    ]);
  });

  it("waits while a clock is an hour off, however long, and goes on once it is set", async () => {
    const { watch, time, offsets } = watchOver([3_600_000, 3_599_000]);
    for (time.now = 0; time.now < 600_000; time.now += 60_000)
      expect(await watch.mayBegin(never)).to.equal(false);
    expect(watch.isAwaited).to.equal(true);
    offsets.splice(0, 2, 12, 4);
    expect(await watch.mayBegin(never)).to.equal(true);
    expect(watch.isAwaited).to.equal(false);
  });

  it("waits for a server that does not answer yet, but not for ever", async () => {
    const { watch, time } = watchOver([5, "silent"]);
    expect(await watch.mayBegin(never)).to.equal(false);
    time.now = 14_000;
    expect(await watch.mayBegin(never)).to.equal(false);
    expect(watch.isIncomplete).to.equal(true);
    time.now = 16_000;
    expect(await watch.mayBegin(never)).to.equal(true);
    expect(watch.isIncomplete).to.equal(false);
  });
});

class FakeChrony implements Chrony {
  state: TimeObserved = { config: undefined, sources: undefined, isRunning: false };
  readonly acts: string[] = [];

  observe = () => Promise.resolve(this.state);
  offered = () => Promise.resolve(["10.0.0.1"]);
  act = (action: TimeAction) => {
    this.acts.push(action.kind);
    if (action.kind === "write-config") this.state = { ...this.state, config: action.text };
    if (action.kind === "write-sources") this.state = { ...this.state, sources: action.text };
    if (action.kind === "restart") this.state = { ...this.state, isRunning: true };
    return Promise.resolve();
  };
}

describe("TimeController", () => {
  const self = "ed25519:9" as NodeId;
  const plan = { mesh: "10.86.0.0/16", pods: "10.112.0.0/12", services: "10.87.0.0/16" };
  function controller(given?: readonly string[]) {
    const chrony = new FakeChrony();
    const view = {
      selfAddress: undefined as string | undefined,
      addressPlan: undefined as typeof plan | undefined,
      isServer: () => true,
      otherServers: () => ["10.86.0.2"],
    };
    const time = new TimeController({ chrony, self, view, given, logger: silentLogger });
    return { chrony, view, time };
  }

  it("acts once per change, and not at all when nothing did", async () => {
    const { chrony, view, time } = controller();
    await time.round(never);
    expect(chrony.state.sources).to.include("server 10.0.0.1 iburst prefer");
    view.selfAddress = "10.86.0.9";
    view.addressPlan = plan;
    await time.round(never);
    expect(chrony.state.config).to.include("bindaddress 10.86.0.9");
    const { length } = chrony.acts;
    for (let round = 0; round < 3; round += 1) await time.round(never);
    expect(chrony.acts).to.have.length(length);
  });

  it("follows what the given file says instead of what DHCP offers", async () => {
    const { chrony, time } = controller(["ntp.example.org"]);
    await time.round(never);
    expect(chrony.state.sources).to.equal(
      "server ntp.example.org iburst prefer\nserver 10.86.0.2 iburst minpoll 4 maxpoll 6\n",
    );
  });

  it("leaves chrony alone while there is nothing to follow", async () => {
    const { chrony, time } = controller([]);
    await time.round(never);
    expect(chrony.acts).to.deep.equal([]);
  });
});
