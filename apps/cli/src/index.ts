/**
 * The command line: what a person or a script types to bring a cluster up, look at it and take it down. It decides
 * nothing of the cluster; it asks machines' local APIs and the lab.
 */
export { COMMANDS } from "./commands.ts";
export type { Command, Context, Output } from "./command.ts";
export { runCommandLine } from "./run-command-line.ts";
export type { LabControl, LabMachine, LocalApi, Machine } from "./site.ts";
