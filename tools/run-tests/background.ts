import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { execa } from "execa";

/** A long build that runs beside the tests. */
export interface BackgroundJob {
  /** Rejects, naming the log, if the build failed. */
  done(): Promise<void>;
  stop(): void;
}

/** Starts a program without waiting for it; its failure surfaces where it is awaited. */
export function startInBackground(options: {
  readonly program: string;
  readonly args?: readonly string[];
  readonly log: string;
}): BackgroundJob {
  const { program, args = [], log } = options;
  mkdirSync(dirname(log), { recursive: true });
  const child = execa(program, args, {
    reject: false,
    stdin: "ignore",
    stdout: { file: log },
    stderr: { file: log },
    buffer: false,
  });
  return {
    done: async () => {
      const result = await child;
      if (result.failed) throw new Error(`${result.shortMessage}; see ${log}`);
    },
    stop: () => void child.kill(),
  };
}
