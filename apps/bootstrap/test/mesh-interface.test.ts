import { expect } from "chai";
import { InMemoryWireGuard } from "@cluster-os/mesh";
import { silentLogger } from "@cluster-os/std";
import {
  chooseImplementation,
  lookAtMesh,
  MESH_INTERFACE,
  openMeshInterface,
  type MeshInterface,
  type MeshSituation,
} from "../src/mesh-interface.ts";

describe("what carries the mesh", () => {
  const nothing: MeshSituation = { isInKernel: false, isInUserspace: false, kernelHasWireGuard: false };
  const cases: readonly {
    readonly name: string;
    readonly seen: Partial<MeshSituation>;
    readonly expected: MeshInterface["implementation"];
  }[] = [
    { name: "a kernel without WireGuard", seen: {}, expected: "userspace" },
    { name: "a kernel with WireGuard", seen: { kernelHasWireGuard: true }, expected: "kernel" },
    {
      name: "bootstrap restarted, the kernel carries it",
      seen: { kernelHasWireGuard: true, isInKernel: true },
      expected: "kernel",
    },
    {
      name: "bootstrap restarted, the daemon carries it and the kernel has learned WireGuard",
      seen: { kernelHasWireGuard: true, isInUserspace: true },
      expected: "userspace",
    },
    {
      name: "the kernel carries it and the daemon was started by hand",
      seen: { kernelHasWireGuard: true, isInKernel: true, isInUserspace: true },
      expected: "kernel",
    },
  ];
  for (const { name, seen, expected } of cases) {
    it(`${name}: ${expected}`, () =>
      expect(chooseImplementation({ ...nothing, ...seen })).to.equal(expected));
  }
});

describe("the mesh interface", () => {
  const signal = AbortSignal.timeout(5_000);
  const same = (key: Uint8Array): Uint8Array => key;

  /** A machine: what its kernel has, and what was done on it. */
  function machine({ hasWireGuard, isBroken = false }: { hasWireGuard: boolean; isBroken?: boolean }) {
    const kernel = new InMemoryWireGuard([], same);
    const acts: string[] = [];
    let isRunning = false;
    const options = {
      kernel,
      userspace: new InMemoryWireGuard([MESH_INTERFACE], same),
      link: {
        addWireGuard: async (name: string) => {
          acts.push(`add ${name}`);
          Object.assign(kernel, { list: () => Promise.resolve([name]) });
        },
      },
      kernelHasWireGuard: () =>
        isBroken ? Promise.reject(new Error("the addon is not there")) : Promise.resolve(hasWireGuard),
      daemon: {
        isRunning: () => Promise.resolve(isRunning),
        start: async () => {
          acts.push("start");
          isRunning = true;
        },
        stop: async () => void acts.push("stop"),
      },
      logger: silentLogger,
    };
    return { options, acts };
  }

  it("is made in the kernel, once", async () => {
    const { options, acts } = machine({ hasWireGuard: true });
    const mesh = await openMeshInterface(options);
    expect(mesh).to.include({ implementation: "kernel", device: options.kernel });
    await mesh.ensure(signal);
    await mesh.ensure(signal);
    expect(acts).to.deep.equal([`add ${MESH_INTERFACE}`]);
    const again = await openMeshInterface(options);
    expect(again.implementation).to.equal("kernel");
    await again.remove(signal);
    expect(acts).to.have.length(1);
  });

  it("is the daemon's, and stays so when the kernel learns WireGuard", async () => {
    const { options, acts } = machine({ hasWireGuard: false });
    const mesh = await openMeshInterface(options);
    expect(mesh).to.include({ implementation: "userspace", device: options.userspace });
    await mesh.ensure(signal);
    const learned = { ...options, kernelHasWireGuard: () => Promise.resolve(true) };
    expect((await openMeshInterface(learned)).implementation).to.equal("userspace");
    await mesh.remove(signal);
    expect(acts).to.deep.equal(["start", "stop"]);
  });

  it("is the daemon's where the kernel cannot be asked", async () => {
    const { options } = machine({ hasWireGuard: true, isBroken: true });
    expect((await openMeshInterface(options)).implementation).to.equal("userspace");
  });
});

describe("a look at the mesh", () => {
  const same = (key: Uint8Array): Uint8Array => key;
  const see = (names: readonly string[]) =>
    lookAtMesh({ implementation: "userspace", device: new InMemoryWireGuard(names, same) });

  it("sees its device", async () => {
    const { mesh, error } = await see([MESH_INTERFACE]);
    expect(error).to.equal(undefined);
    expect(mesh?.device.name).to.equal(MESH_INTERFACE);
  });

  it("says why there is nothing to see, when its daemon is gone", async () => {
    const { mesh, error } = await see([]);
    expect(mesh).to.equal(undefined);
    expect(error).to.include(MESH_INTERFACE);
  });
});
