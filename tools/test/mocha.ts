/**
 * Runs the current project's mocha tests on its TypeScript as it stands (Node strips the types), and leaves the counts
 * in dist/test-results.json for the summary at the end of `make test`. Takes mocha's options, and files to run only those.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "../..");
const mocha = join(dirname(createRequire(import.meta.url).resolve("mocha/package.json")), "bin/mocha.js");
const reporter = join(root, "tools/test/reporter.cjs");
const wholeMessages = join(root, "tools/test/whole-messages.ts");
const options = process.argv.slice(2);
const files = options.some((option) => option.endsWith(".ts")) ? [] : ["test/**/*.test.ts"];

mkdirSync("dist", { recursive: true });
const run = spawnSync(
  process.execPath,
  [
    ...[mocha, "--config", join(root, ".mocharc.json"), "--require", wholeMessages, "--reporter", reporter],
    ...options,
    ...files,
  ],
  { stdio: "inherit" },
);
process.exit(run.status ?? 1);
