/**
 * Runs the current project's mocha tests on its TypeScript as it stands (Node strips the types), and leaves the counts
 * in dist/test-results.json for the summary at the end of `make test`.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "../..");
const mocha = join(dirname(createRequire(import.meta.url).resolve("mocha/package.json")), "bin/mocha.js");
mkdirSync("dist", { recursive: true });
const run = spawnSync(
  process.execPath,
  [mocha, "--config", join(root, ".mocharc.json"), "--reporter", join(root, "tools/test/reporter.cjs"), ...process.argv.slice(2)],
  { stdio: "inherit" },
);
process.exit(run.status ?? 1);
