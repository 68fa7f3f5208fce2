import { readFile } from "node:fs/promises";
import { silentLogger } from "@cluster-os/std";
import { delay, waitFor } from "@cluster-os/std/drivers";
import { expect } from "chai";
import { RESOURCES, type AnyObject, type ConfigMap } from "../src/index.ts";
import { greetingFor, runGreetings } from "./example/greeting-controller.ts";
import { FakeApiServer } from "./fake/index.ts";

const SOURCE = new URL("example/greeting-controller.ts", import.meta.url);
const GUIDE = new URL("../../../docs/guides/operators.md", import.meta.url);

describe("the example of docs/guides/operators.md", () => {
  it("is in the guide as it stands here", async () => {
    expect(await readFile(GUIDE, "utf8")).to.contain(`\`\`\`ts\n${await readFile(SOURCE, "utf8")}\`\`\``);
  });

  it("decides on a greeting", () => {
    const guest = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "ada", namespace: "default", uid: "u" },
    };
    expect(greetingFor({ ...guest, data: { name: "Ada" } }).data).to.deep.equal({ text: "Hello, Ada!" });
    expect(greetingFor(guest).data).to.deep.equal({ text: "Hello, stranger!" });
  });

  it("greets, greets anew, mends, and rests", async () => {
    await using fake = await FakeApiServer.start([RESOURCES.configMap, RESOURCES.lease, RESOURCES.event]);
    const stop = new AbortController();
    const running = runGreetings(fake.connection, silentLogger, stop.signal);
    const guest = (name: string): AnyObject => ({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "ada", namespace: "default", labels: { greet: "yes" } },
      data: { name },
    });
    const greeting = (text: string) =>
      waitFor(
        () => {
          const object = fake.world.get("configmaps", "default/ada-greeting") as unknown as ConfigMap;
          return object.data?.["text"] === text;
        },
        { what: text, timeoutMs: 5000, everyMs: 5 },
      );
    fake.world.create("configmaps", guest("Ada"));
    await greeting("Hello, Ada!");
    fake.world.mergePatch("configmaps", "default/ada", { data: { name: "Countess" } });
    await greeting("Hello, Countess!");
    fake.world.mergePatch("configmaps", "default/ada-greeting", { data: { text: "Bye!" } });
    await greeting("Hello, Countess!");
    const applied = fake.requests.get("apply");
    fake.world.mergePatch("configmaps", "default/ada", {
      metadata: { name: "ada", labels: { greet: "please" } },
    });
    await delay(100);
    expect(fake.requests.get("apply"), "writes when nothing is to be done").to.equal(applied);
    stop.abort();
    await running;
  });
});
