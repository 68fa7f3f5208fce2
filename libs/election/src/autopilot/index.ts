export * from "./observed.ts";
export { planAutopilot, wantedVoters } from "./plan.ts";
export * from "./watch.ts";
