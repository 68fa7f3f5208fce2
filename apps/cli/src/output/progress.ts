import type { Output } from "../command.ts";

/** Tells a person how far something long is. */
export interface Progress {
  /** Something was done, for good. */
  step(what: string): void;
  /** How things stand just now; only a terminal shows it. */
  board(lines: readonly string[]): void;
  /** Nothing more comes: the board goes away, the steps stay. */
  end(): void;
}

/** Steps with the time since the beginning, one a line. On a terminal the board stays below them. */
export function openProgress(output: Output, now: () => number): Progress {
  const startedAt = now();
  const line = (what: string): string =>
    `${((now() - startedAt) / 1000).toFixed(1).padStart(7)} s  ${what}\n`;
  if (!output.isTerminal) {
    return { step: (what) => output.write(line(what)), board: () => {}, end: () => {} };
  }
  let shown: readonly string[] = [];
  const draw = (steps: string, board: readonly string[]): void => {
    output.write(
      erase(shown.length) + steps + board.map((text) => `${text.slice(0, output.columns - 1)}\n`).join(""),
    );
    shown = board;
  };
  return {
    step: (what) => draw(line(what), shown),
    board: (lines) => draw("", lines),
    end: () => draw("", []),
  };
}

/** Moves up and clears to the end of the screen (ECMA-48 CPL and ED). */
function erase(lines: number): string {
  return lines === 0 ? "" : `\u001b[${lines}F\u001b[J`;
}
