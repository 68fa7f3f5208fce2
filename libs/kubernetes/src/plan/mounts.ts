/**
 * Mount points strictly below a folder, deepest first, from /proc/self/mountinfo (proc_pid_mountinfo(5)). What is
 * mounted there belongs to somebody else - a volume, a network share - and must be gone before the folder is emptied.
 */
export function mountsBelow(mountInfo: string, folder: string): readonly string[] {
  return mountInfo
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .map((path) =>
      path.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8))),
    )
    .filter((path) => path.startsWith(`${folder}/`))
    .sort((left, right) => right.length - left.length);
}
