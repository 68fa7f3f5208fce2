import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The folder above tools/. */
export const root = join(import.meta.dirname, "../..");

/** The files that are part of the repository: tracked, or new and not ignored; those deleted here are left out. */
export const files: readonly string[] = lines(
  "ls-files",
  "--cached",
  "--others",
  "--exclude-standard",
).filter(
  (
    (deleted) => (file) =>
      !deleted.has(file)
  )(new Set(lines("ls-files", "--deleted"))),
);

/** A file's text. */
export function read(file: string): string {
  return readFileSync(join(root, file), "utf8");
}

/** Whether a file is text, judged as git does: no zero byte near its start. */
export function isText(file: string): boolean {
  return !readFileSync(join(root, file)).subarray(0, 8000).includes(0);
}

/** Every library's folder, such as "libs/mesh". */
export const libraries: readonly string[] = foldersIn("libs");

/** Every folder with a package.json below the root. */
export const projects: readonly string[] = files
  .filter((file) => file.endsWith("/package.json"))
  .map((file) => file.slice(0, -"/package.json".length));

function foldersIn(parent: string): readonly string[] {
  return [
    ...new Set(
      files
        .filter((file) => file.startsWith(`${parent}/`))
        .map((file) => file.split("/").slice(0, 2).join("/")),
    ),
  ];
}

function lines(...args: readonly string[]): readonly string[] {
  return execFileSync("git", args, { cwd: root, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 })
    .split("\n")
    .filter((line) => line !== "");
}
