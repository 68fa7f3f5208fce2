import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { ambientUses, importsOf } from "./imports.ts";
import { files, read, root } from "./workspace.ts";

type Layer = "base" | "core" | "edge" | "test" | "app";

/** Arrows point one way: base <- core <- edge <- app. What is not allowed has its reason here. */
const FORBIDDEN: Record<Layer, Partial<Record<Layer, string>>> = {
  base: {
    core: "base knows nothing of the domain, so that everything can stand on it",
    edge: "base runs anywhere: it cannot depend on what touches a machine",
    test: "what ships does not carry its test rig",
    app: "a library that imports an app cannot be used by another app",
  },
  core: {
    edge: "a core decides and never does: its effects are carried out by drivers that import it, so that simulated time can run it",
    test: "what ships does not carry its test rig",
    app: "a library that imports an app cannot be used by another app",
  },
  edge: {
    test: "what ships does not carry its test rig",
    app: "a library that imports an app cannot be used by another app",
  },
  test: {
    edge: "the simulator runs whole clusters in one process: nothing real may leak into it",
    app: "a library that imports an app cannot be used by another app",
  },
  app: {
    app: "apps meet over the network and in the Kubernetes API; what two of them share is a library",
  },
};

/** What cores may not import outside src/drivers/, and why. */
const EFFECTS: readonly { readonly module: RegExp; readonly reason: string }[] = [
  {
    module: /^(node:)?(net|dgram|tls|dns|http|https|http2)(\/.*)?$/,
    reason: "a core returns what to send; its driver has the socket",
  },
  {
    module: /^(node:)?child_process$|^execa$/,
    reason: "a core returns what to do; its driver runs programs",
  },
  { module: /^(node:)?fs(\/.*)?$/, reason: "a core is given what was read and returns what to write" },
  {
    module: /^(node:)?os$/,
    reason: "a core is given facts of the machine; the simulator has many machines in one process",
  },
  {
    module: /^(node:)?timers(\/.*)?$/,
    reason: "a core says when it wants to be woken (wakeAt); its driver has the timer",
  },
  { module: /\/drivers(\/.*)?$/, reason: "a core that imports a driver cannot run in simulated time" },
];
const AMBIENT =
  "time, chance and the environment are arguments of a core: the same inputs have to give the same effects";

interface GraphFile {
  readonly graph: {
    readonly nodes: Record<
      string,
      { readonly data: { readonly root: string; readonly tags: readonly string[] } }
    >;
    readonly dependencies: Record<string, readonly { readonly source: string; readonly target: string }[]>;
  };
}

const { nodes, dependencies } = readGraph();
const layerOf = (project: string): Layer => {
  const tags = (nodes[project]?.data.tags ?? []).filter((tag) => tag.startsWith("layer:"));
  expect(tags, `${project} has exactly one layer`).to.have.length(1);
  return tags[0]?.slice("layer:".length) as Layer;
};
const pureFolders = Object.entries(nodes)
  .filter(([project]) => ["base", "core", "test"].includes(layerOf(project)))
  .map(([, { data }]) => data.root);
/** Programs in such a folder: nothing imports them. */
const PROGRAMS: Readonly<Record<string, string>> = {
  "libs/simulator/src/explore.ts": "runs many simulations, reads its seed and tells how long they took",
};
const pureSources = files
  .filter((file) => !(file in PROGRAMS))
  .filter((file) =>
    pureFolders.some(
      (folder) =>
        file.startsWith(`${folder}/src/`) &&
        !file.startsWith(`${folder}/src/drivers/`) &&
        file.endsWith(".ts"),
    ),
  );

describe("layering", function () {
  // Reads and parses every source: seconds, on a busy machine many.
  this.timeout(120_000);

  for (const project of Object.keys(nodes)) {
    it(`${project} imports nothing above it`, () => {
      const layer = layerOf(project);
      const wrong = (dependencies[project] ?? [])
        .filter(({ target }) => target in nodes)
        .flatMap(({ target }) => {
          const reason = FORBIDDEN[layer][layerOf(target)];
          if (layer === "edge" && layerOf(target) === "test" && isOfTestsOnly(project, target)) return [];
          return reason === undefined ? [] : [`${project} -> ${target}: ${reason}`];
        });
      expect(wrong).to.deep.equal([]);
    });
  }

  it("there are cores to look at", () => {
    expect(pureSources.length).to.be.greaterThan(10);
  });

  it("cores leave sockets, files, programs and timers to their drivers", () => {
    const wrong = pureSources.flatMap((file) =>
      importsOf(file, read(file))
        .filter(({ kind }) => kind !== "type")
        .flatMap(({ word, line }) =>
          EFFECTS.filter(({ module }) => module.test(word)).map(
            ({ reason }) => `${file}:${line}: ${word}: ${reason}`,
          ),
        ),
    );
    expect(wrong).to.deep.equal([]);
  });

  it("cores are given the time, chance and their settings", () => {
    const wrong = pureSources.flatMap((file) =>
      ambientUses(file, read(file)).map(({ word, line }) => `${file}:${line}: ${word}: ${AMBIENT}`),
    );
    expect(wrong).to.deep.equal([]);
  });

  it("only what talks to Kubernetes loads its client, which costs 40 MB", () => {
    const mayLoad = (file: string, kind: "static" | "lazy"): boolean =>
      file.startsWith("apps/node-agent/") || (kind === "lazy" && file.startsWith("apps/bootstrap/"));
    const wrong = files
      .filter((file) => /^(apps|libs)\/.*\.ts$/.test(file))
      .flatMap((file) =>
        importsOf(file, read(file)).flatMap(({ word, kind, line }) =>
          word === "@kubernetes/client-node" && kind !== "type" && !mayLoad(file, kind)
            ? [
                `${file}:${line}: a ${kind} import; bootstrap runs on every machine and loads it lazily, on servers`,
              ]
            : [],
        ),
      );
    expect(wrong).to.deep.equal([]);
  });
});

describe("what the layering test sees", () => {
  const source = `
    import { Socket } from "node:net";
    import type { Server } from "node:net";
    export * from "./drivers/index.ts";
    // setTimeout(() => Date.now())
    const text = "Math.random()";
    const given = new Date(5), now = new Date(), later = setTimeout(() => Math.random(), Date.now());
    const lazy = await import("execa");
  `;

  it("imports, by kind", () => {
    expect(importsOf("x.ts", source).map(({ kind, word }) => `${kind} ${word}`)).to.deep.equal([
      "static node:net",
      "type node:net",
      "static ./drivers/index.ts",
      "lazy execa",
    ]);
  });

  it("time and chance, not comments and strings", () => {
    expect(ambientUses("x.ts", source).map(({ word }) => word)).to.deep.equal([
      "new Date()",
      "setTimeout",
      "Math.random",
      "Date.now",
    ]);
  });
});

/** Whether only the tests of `project` import `target`: the graph does not tell tests from what ships. */
function isOfTestsOnly(project: string, target: string): boolean {
  const folder = `${nodes[project]?.data.root}/src/`;
  return !files
    .filter((file) => file.startsWith(folder) && file.endsWith(".ts"))
    .flatMap((file) => importsOf(file, read(file)))
    .some(({ word }) => word === target || word.startsWith(`${target}/`));
}

function readGraph(): GraphFile["graph"] {
  const folder = mkdtempSync(join(tmpdir(), "cluster-os-graph-"));
  try {
    const file = join(folder, "graph.json");
    execFileSync("nx", ["graph", `--file=${file}`], { cwd: root, stdio: "pipe" });
    return (JSON.parse(readFileSync(file, "utf8")) as GraphFile).graph;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
