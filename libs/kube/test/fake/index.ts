/** An API server in memory that goes wrong on purpose. */
export * from "./faults.ts";
export { FakeApiServer } from "./server.ts";
export { Refusal, World, type Entry } from "./world.ts";
