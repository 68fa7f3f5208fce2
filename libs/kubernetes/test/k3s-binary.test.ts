import { spawnSync } from "node:child_process";
import { expect } from "chai";
import { parse } from "yaml";
import { K3S_VERSION } from "../src/k3s-settings.ts";
import { renderAgentConfig, renderServerConfig } from "../src/render/k3s.ts";
import { placement } from "./fixtures.ts";
import { DOCUMENTED } from "./k3s-documented.ts";

const binary = process.env["K3S_BINARY"];

/**
 * What only k3s itself can say. It is no package of any registry that builds use, so this runs where somebody gives the
 * program: K3S_BINARY=/path/to/k3s.
 */
describe("k3s itself", () => {
  if (binary === undefined || binary === "") {
    it.skip("was NOT run: set K3S_BINARY to its program", () => undefined);
    return;
  }

  const run = (...args: readonly string[]): string => {
    const { status, stdout, stderr } = spawnSync(binary, args, { encoding: "utf8", timeout: 60_000 });
    expect(status, stderr).to.equal(0);
    return stdout;
  };
  /** Names of options, as the program's help lists them. */
  const optionsOf = (command: string): ReadonlySet<string> =>
    new Set(
      [...run(command, "--help").matchAll(/^\s+(?:-\w, )?--?([\w-]+)/gm)].map(([, name]) => name as string),
    );

  it("is the release the driver is written for", () => {
    expect(run("--version")).to.include(K3S_VERSION);
  });

  for (const [command, texts] of [
    ["server", [renderServerConfig(placement(1), "found"), renderServerConfig(placement(2), "join")]],
    ["agent", [renderAgentConfig(placement(4))]],
  ] as const) {
    it(`knows every option that its ${command} is given`, () => {
      const known = optionsOf(command);
      for (const text of texts)
        for (const key of Object.keys(parse(text) as object)) expect([...known], key).to.include(key);
    });
  }

  it("has the options of the list that these tests go by", () => {
    const [server, agent] = [optionsOf("server"), optionsOf("agent")];
    // Hidden ones are in no help.
    const hidden = ["disable-agent", "etcd-s3", "prefer-bundled-bin"];
    for (const name of DOCUMENTED.server.filter((one) => !hidden.includes(one)))
      expect([...server], name).to.include(name);
    for (const name of DOCUMENTED.agent.filter((one) => !hidden.includes(one)))
      expect([...agent], name).to.include(name);
  });
});
