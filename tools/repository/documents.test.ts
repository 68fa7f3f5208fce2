import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect } from "chai";
import { files, isText, libraries, read, root } from "./workspace.ts";

describe("documents", () => {
  for (const library of libraries) {
    it(`${library} says what it is for`, () => {
      expect(files, "a README").to.include(`${library}/README.md`);
      expect(read(`${library}/src/index.ts`), "a comment at the top of what it exports").to.match(
        /^\/\*\*\s+(\* )?\w/,
      );
    });
  }

  for (const file of files.filter((name) => name.endsWith(".md"))) {
    it(`${file} links to what is there`, () => {
      const missing = relativeLinks(read(file)).filter(
        (link) => !existsSync(join(root, dirname(file), link)),
      );
      expect(missing).to.deep.equal([]);
    });
  }

  it("relative links are found, others are not", () => {
    const text =
      '[a](b.md#part) ![c](d.png "title") [e](https://x.y/z.md) [f](#here) `[g](h.md)`\n```\n[i](j.md)\n```\n[k]: l/m.md';
    expect(relativeLinks(text)).to.deep.equal(["b.md", "d.png", "l/m.md"]);
  });
});

describe("what is not committed", () => {
  const texts = files.filter((file) => file !== "package-lock.json" && isText(file));

  // Written in pieces, or this file would be found.
  const forbidden = [
    {
      name: "paths of the machine it was written on",
      pattern: new RegExp(`(^|[^\\w.-])/(${["wo", "rk"].join("")}|${["fa", "rm"].join("")})/`),
    },
    {
      name: "registry hosts",
      pattern: new RegExp(`${["reg", "istry"].join("")}\\.(npmjs|yarnpkg|k8s|access)\\.`),
    },
    { name: "private keys", pattern: new RegExp(`-----BEGIN [A-Z ]*${["PRIVATE", "KEY"].join(" ")}-----`) },
  ];
  for (const { name, pattern } of forbidden) {
    it(name, () => {
      const found = texts.flatMap((file) =>
        read(file)
          .split("\n")
          .flatMap((line, index) =>
            pattern.test(line) ? [`${file}:${index + 1}: ${line.trim().slice(0, 100)}`] : [],
          ),
      );
      expect(found).to.deep.equal([]);
    });
  }

  it("the lock file names packages by what they are, not by where this machine gets them", () => {
    const hosts = [...read("package-lock.json").matchAll(/"resolved": "https?:\/\/([^/"]+)/g)].map(
      ([, host]) => host,
    );
    expect([...new Set(hosts)].filter((host) => !/^registry\.npmjs\.org$/.test(host ?? ""))).to.deep.equal(
      [],
    );
  });
});

/** Targets of links to files, without their fragment. Code is left out: it shows links, it does not make them. */
function relativeLinks(markdown: string): readonly string[] {
  const prose = markdown.replaceAll(/^```[\s\S]*?^```/gm, "").replaceAll(/`[^`\n]*`/g, "");
  const targets = [...prose.matchAll(/\]\(([^)\s]+)[^)]*\)|^\[[^\]]+\]:\s*(\S+)/gm)].map(
    (match) => match[1] ?? match[2] ?? "",
  );
  return targets
    .filter((target) => !/^[a-z][a-z+.-]*:/i.test(target) && !target.startsWith("#"))
    .map((target) => target.replace(/#.*$/, ""));
}
