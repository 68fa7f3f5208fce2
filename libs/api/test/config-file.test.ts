import { ClusterConfigFile, ConfigFileError, parseConfigFile } from "@cluster-os/api";
import { expect } from "chai";
import fc from "fast-check";

const KEY = Buffer.alloc(32, 7).toString("base64");

function problemsOf(text: string): readonly string[] {
  try {
    parseConfigFile(text);
  } catch (error) {
    if (error instanceof ConfigFileError) {
      return error.problems.map(({ line, message }) =>
        line === undefined ? message : `${line}: ${message}`,
      );
    }
    throw error;
  }
  return [];
}

describe("the given file", () => {
  it("is read with all its fields", () => {
    const text = `# by hand\njoinKey: ${KEY}\nexpect: 3\nseeds: ["10.0.0.7:8686", "[fe80::1%eth0]:8686", "node.example.org:1"]\nlabel: rack4-node7\ngossipPort: 9000\nwireguardPort: 9001\nlogLevel: debug\n`;
    expect(parseConfigFile(text)).to.deep.equal({
      joinKey: KEY,
      expect: 3,
      seeds: ["10.0.0.7:8686", "[fe80::1%eth0]:8686", "node.example.org:1"],
      label: "rack4-node7",
      gossipPort: 9000,
      wireguardPort: 9001,
      logLevel: "debug",
    });
  });

  for (const text of ["", "\n", "# nothing\n", "---\n", "{}"]) {
    it(`may say nothing: ${JSON.stringify(text)}`, () => expect(parseConfigFile(text)).to.deep.equal({}));
  }

  const cases: readonly {
    readonly name: string;
    readonly text: string;
    readonly problems: readonly (string | RegExp)[];
  }[] = [
    {
      name: "a slip in a name",
      text: "expct: 3",
      problems: ["1: there is no field expct; did you mean expect?"],
    },
    {
      name: "another case",
      text: "# x\njoin_key: a",
      problems: ["2: there is no field join_key; did you mean joinKey?"],
    },
    {
      name: "a name nobody knows",
      text: "nodes: 3",
      problems: [/^1: there is no field nodes; the fields are joinKey, expect,/],
    },
    {
      name: "a word for a number",
      text: "expect: three",
      problems: ["1: expect is a text; write a whole number from 1 to 4096, for example 3"],
    },
    { name: "a fraction", text: "expect: 2.5", problems: [/^1: expect is a number/] },
    {
      name: "too many",
      text: "expect: 5000",
      problems: [/^1: expect is a whole number that is not as it must be; write a whole number from 1/],
    },
    { name: "none", text: "expect: 0", problems: [/^1: expect is/] },
    {
      name: "a field without a value",
      text: "label:",
      problems: [/^1: label is empty; write 1 to 63 letters/],
    },
    {
      name: "a short key",
      text: "joinKey: YWJj",
      problems: [/^1: joinKey is a text that is not as it must be; write 32 bytes/],
    },
    { name: "a list for a word", text: "logLevel: [debug]", problems: [/^1: logLevel is a list/] },
    { name: "an unknown level", text: "logLevel: loud", problems: [/; write debug, info, warn or error$/] },
    {
      name: "a seed without a port",
      text: "expect: 1\nseeds: [10.0.0.7]",
      problems: [/^2: seeds is a list with an entry/],
    },
    { name: "one seed, not a list", text: "seeds: 10.0.0.7:8686", problems: [/^1: seeds is a text/] },
    { name: "a field twice", text: "expect: 1\nexpect: 2", problems: ["2: the field is there twice"] },
    { name: "a tab", text: "seeds:\n\t- a:1", problems: [/^2: indent with spaces/] },
    {
      name: "an open quote",
      text: `label: "x\nexpect: 1`,
      problems: [/a quote, bracket, comma or colon is missing/],
    },
    { name: "a list as the whole", text: "- expect", problems: [/^1: write fields/] },
    { name: "no space after the colon", text: "expect:3", problems: [/^1: write fields/] },
    { name: "an alias", text: "label: *x", problems: [/^a word that begins with \* is an alias/] },
    {
      name: "all at once",
      text: "expct: 1\nlabel: _\nlogLevel: 3",
      problems: [/^1: there is no field/, /^2: /, /^3: logLevel is a whole number/],
    },
  ];
  for (const { name, text, problems } of cases) {
    it(`refuses ${name}`, () => {
      const found = problemsOf(text);
      expect(found, found.join("\n")).to.have.length(problems.length);
      problems.forEach((problem, index) => {
        if (typeof problem === "string") expect(found[index]).to.equal(problem);
        else expect(found[index]).to.match(problem);
      });
    });
  }

  it("the error names the file and all that is wrong", () => {
    expect(() => parseConfigFile("expct: 1\nlabel: _", "/somewhere/x.yaml"))
      .to.throw(ConfigFileError)
      .with.property("message")
      .that.matches(/^\/somewhere\/x\.yaml cannot be used: .*expct.*label is/);
  });

  it("never quotes the join key, wherever it was put", () => {
    const places = [
      (key: string) => `joinKey: ${key}x`,
      (key: string) => `${key}: 1`,
      (key: string) => `${key}`,
      (key: string) => `joinKey:${key}`,
      (key: string) => `joinKey: "${key}`,
      (key: string) => `joinKey: [${key}, 1`,
      (key: string) => `expect: ${key}`,
      (key: string) => `expect: 1\n  joinKey: ${key}`,
      (key: string) => `joinKey: ${key}\njoinKey: ${key}`,
      (key: string) => `seeds: [${key}]`,
      (key: string) => `? ${key}\n: 1`,
      (key: string) => `*${key}`,
      (key: string) => `joinKey: !${key} a`,
    ];
    const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 });
    fc.assert(
      fc.property(bytes, fc.constantFrom(...places), (key, place) => {
        const text = Buffer.from(key).toString("base64");
        expect(problemsOf(place(text)).join()).not.to.contain(text.slice(0, 12));
      }),
    );
  });

  it("whatever the text, it is read or refused, and never anything else", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."expct joinKey:3-[]{}\"'\n\t#&*!|>%@`") }), (text) => {
        problemsOf(text);
      }),
      { numRuns: 2000 },
    );
  });

  it("every field says what it is and what to write", () => {
    for (const [name, schema] of Object.entries(ClusterConfigFile.shape)) {
      expect(schema.meta(), name).to.include.keys("description", "write");
    }
  });
});
