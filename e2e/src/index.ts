/** The words scenarios are written in: the command line as a user types it, waiting, and what a lab leaves on its host. */
export * from "./cluster-os.ts";
export * from "./host-state.ts";
export * from "./nodes.ts";
