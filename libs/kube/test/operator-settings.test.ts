import { expect } from "chai";
import { operatorSettings, operatorUsage } from "../src/manager/operator-settings.ts";

const USUAL = { port: 8080, logLevel: "info", patience: 1, candidate: "some-operator" };

describe("operatorSettings", () => {
  const taken: readonly {
    readonly name: string;
    readonly args?: readonly string[];
    readonly environment?: Readonly<Record<string, string>>;
    readonly expected: object;
  }[] = [
    { name: "nothing is said", expected: USUAL },
    {
      name: "a pod of slow machines",
      environment: { POD_NAME: "some-operator-7c9", CLUSTER_OS_PATIENCE: "2.5" },
      expected: { ...USUAL, patience: 2.5, candidate: "some-operator-7c9" },
    },
    {
      name: "outside of a cluster, on a free port",
      args: ["--kubeconfig", "/etc/admin.conf", "--port", "0", "--log-level", "debug"],
      expected: { ...USUAL, kubeconfig: "/etc/admin.conf", port: 0, logLevel: "debug" },
    },
  ];
  for (const { name, args = [], environment = {}, expected } of taken) {
    it(`reads: ${name}`, () => {
      expect(operatorSettings("some-operator", args, environment)).to.deep.equal(expected);
    });
  }

  const refused: readonly (readonly [string, readonly string[], Readonly<Record<string, string>>, string])[] =
    [
      ["machines that are faster than usual", [], { CLUSTER_OS_PATIENCE: "0.5" }, "at least 1"],
      ["patience without an end", [], { CLUSTER_OS_PATIENCE: "Infinity" }, "at least 1"],
      ["patience in words", [], { CLUSTER_OS_PATIENCE: "much" }, '"much"'],
      ["a port that is none", ["--port", "http"], {}, '"http"'],
      ["a port beyond the last one", ["--port", "70000"], {}, "65535"],
      ["a level there is not", ["--log-level", "loud"], {}, '"loud"'],
      ["an option there is not", ["--verbose"], {}, "--verbose"],
    ];
  for (const [name, args, environment, reason] of refused) {
    it(`refuses ${name}`, () => {
      expect(() => operatorSettings("some-operator", args, environment)).to.throw(reason);
    });
  }

  it("tells how to use it by its own name", () => {
    expect(operatorSettings("some-operator", ["--help"], {})).to.equal("help");
    expect(operatorUsage("some-operator")).to.match(/^usage: some-operator \[/);
  });
});
