import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { COMMANDS } from "../src/commands.ts";
import { renderCommandHelp } from "../src/help.ts";

const PAGE = join(import.meta.dirname, "../../../docs/reference/command-line.md");

/** docs/reference/command-line.md: what `cluster-os help COMMAND` prints, on one page. */
function commandLinePage(): string {
  const sections = COMMANDS.map((command) => {
    const [usage = "", , ...rest] = renderCommandHelp(command).trimEnd().split("\n");
    const [summary = "", , ...details] = rest;
    const more = details.length === 0 ? [] : ["```text", ...details, "```", ""];
    return [`## ${command.name}`, "", `\`${usage.replace("usage: ", "")}\``, "", summary, "", ...more].join(
      "\n",
    );
  });
  const head = `<!-- Written from apps/cli by its test (UPDATE_GOLDEN=1); a change here is lost. -->

# The command line

In a checkout it is \`npx cluster-os\`. On a node the package installs \`cluster-os\`, and the same as a plugin of kubectl:
\`kubectl cluster-os\`. Exit codes: 0 done, 1 failed, 2 not understood; shell, logs and kubectl pass on the exit code of what
they run. Commands that handle machines (up, down, kill, start, shell, logs) are about a lab, and say so on a node.
What \`-o json\` prints is in [The command line's JSON](command-line-json.md).
`;
  return `${head}\n${sections.join("\n")}`;
}

describe("the reference of the command line", () => {
  it("is what help says", () => {
    if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(PAGE, commandLinePage());
    expect(readFileSync(PAGE, "utf8"), "written anew by UPDATE_GOLDEN=1").to.equal(commandLinePage());
  });
});
