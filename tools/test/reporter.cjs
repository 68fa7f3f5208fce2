// Mocha's own "spec" report on the terminal, and the counts in dist/test-results.json.
const { writeFileSync } = require("node:fs");
const { reporters, Runner } = require("mocha");

module.exports = class CountingReporter extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    runner.once(Runner.constants.EVENT_RUN_END, () => {
      const { passes, failures, pending } = this.stats;
      writeFileSync(
        "dist/test-results.json",
        `${JSON.stringify({ passed: passes, failed: failures, skipped: pending })}\n`,
      );
    });
  }
};
