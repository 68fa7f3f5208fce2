import { KubeError, type ConfigMap, type KubeClient } from "@cluster-os/kube";
import { expect } from "chai";
import { WishObject, type StoredWish } from "../../src/upgrade/wish-object.ts";

const { signal } = new AbortController();
const WISH: StoredWish = { version: "v1.35.4", sha256: "0".repeat(64), from: "n-1", ask: "today" };
const AGAIN: StoredWish = { ...WISH, sha256: "1".repeat(64), ask: "tomorrow" };

describe("the wish for another Kubernetes", () => {
  let stored: ConfigMap | undefined;
  /** So many writes lose against somebody else's. */
  let beaten: number;
  const kube = {
    find: () => Promise.resolve(stored),
    create: (_: unknown, object: ConfigMap) => Promise.resolve((stored = object)),
    replace: (_: unknown, object: ConfigMap) => {
      beaten -= 1;
      if (beaten >= 0) return Promise.reject(new KubeError("changed", { status: 409, reason: "Conflict" }));
      return Promise.resolve((stored = object));
    },
  } as unknown as KubeClient;
  const read = (): Promise<StoredWish | undefined> => new WishObject(kube).read();

  beforeEach(() => {
    [stored, beaten] = [undefined, 0];
  });

  it("is made, and taken back as it was", async () => {
    await new WishObject(kube).ask(WISH, signal);
    expect(await read()).to.deep.equal(WISH);
  });

  it("asked again forgets what stopped it, and not who is half-way", async () => {
    const object = new WishObject(kube);
    await object.ask(WISH, signal);
    await object.read();
    await object.note({ ...WISH, machine: "n-2", part: "control-plane", problem: "n-2: no space left" });
    await object.ask(AGAIN, signal);
    expect(await read()).to.deep.equal({ ...AGAIN, machine: "n-2", part: "control-plane" });
  });

  it("of another version begins with nobody", async () => {
    const object = new WishObject(kube);
    await object.ask(WISH, signal);
    await object.read();
    await object.note({ ...WISH, machine: "n-5", part: "kubelet" });
    await object.ask({ ...AGAIN, version: "v1.36.0" }, signal);
    expect(await read()).to.deep.equal({ ...AGAIN, version: "v1.36.0" });
  });

  it("gets through while the server that leads notes how far it is", async () => {
    await new WishObject(kube).ask(WISH, signal);
    beaten = 2;
    await new WishObject(kube).ask(AGAIN, signal);
    expect((await read())?.ask).to.equal("tomorrow");
  });
});
