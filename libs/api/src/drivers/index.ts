/** The way to bootstrap's local API. */
export * from "./local-api-client.ts";
