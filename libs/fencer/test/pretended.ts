/**
 * What stands for slurmctld in tests: does something every few milliseconds for as long as it lives, each time with the
 * time of boot in a line of FILE.
 *
 *     node pretended.ts FILE [stubborn]
 */
import { appendFileSync } from "node:fs";
import { uptime } from "node:os";

const [file = "", manner] = process.argv.slice(2);
// Saving everything takes longer than it has.
if (manner === "stubborn") process.on("SIGTERM", () => appendFileSync(file, "asked to end\n"));
setInterval(() => appendFileSync(file, `${process.pid} ${Math.floor(uptime() * 1000)}\n`), 5);
