/** Which members serve the control plane: a pure, sticky function of who is a member, who is alive and who serves. */
export * from "./autopilot/index.ts";
export * from "./elect-servers.ts";
export * from "./voter-count.ts";
