/** Which members serve the control plane: a pure, sticky function of who is a member, who is alive and who serves. */
export * from "./elect-servers.ts";
export * from "./next-change.ts";
export * from "./voter-count.ts";
