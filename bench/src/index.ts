/** Measurements of whole clusters: each program in this folder prints one table. */
export * from "./daemons.ts";
export * from "./markdown.ts";
export * from "./steps.ts";
