/** Imported before everything by test/sanitized.ts: the native part that is loaded is the one with sanitizers. */
const load = process.dlopen.bind(process);

process.dlopen = (module: object, path: string) =>
  load(module, path.endsWith("netlink.node") ? (process.env["SANITIZED_ADDON"] ?? path) : path);
