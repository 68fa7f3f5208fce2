/** Replaces the file at the path that it is given: for tests in a mount namespace of their own. */
import { writeFileAtomic } from "../src/drivers/index.ts";

const [, , path] = process.argv;
if (path === undefined) throw new Error("a path is missing: write-one.ts PATH");
await writeFileAtomic(path, "new\n", { mode: 0o644 });
