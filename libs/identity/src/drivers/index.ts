export * from "./key-files.ts";
export * from "./next-key.ts";
