// Mocha's own "spec" report on the terminal; counts and what failed in dist/test-results.json.
const { writeFileSync } = require("node:fs");
const { reporters, Runner } = require("mocha");

/** How long what the tests opened may take to close after the last of them. */
const LINGER_MS = 30_000;

module.exports = class CountingReporter extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const failed = [];
    runner.on(Runner.constants.EVENT_TEST_FAIL, (test, error) => {
      failed.push({ title: test.fullTitle(), reason: String(error?.message ?? error).slice(0, 2000) });
    });
    runner.once(Runner.constants.EVENT_RUN_END, () => {
      const { passes, failures, pending } = this.stats;
      const results = { passed: passes, failed: failures, skipped: pending, failures: failed };
      writeFileSync("dist/test-results.json", `${JSON.stringify(results)}\n`);
      // Tests that leave something open would otherwise hold up everything after them.
      setTimeout(() => {
        console.error(`the tests are over, and something is still open: ${process.getActiveResourcesInfo()}`);
        process.exit(1);
      }, LINGER_MS).unref();
    });
  }
};
