const WINDOW = 1_024;

/**
 * Which messages of one sender came already, by its boot counter and sequence number. Within a boot the newest 1,024
 * numbers may come in any order, each once; anything older, and anything of an earlier boot, is refused.
 */
export class ReplayWindow {
  #bootCounter = -1;
  #highest = -1;
  #seen = new Uint32Array(WINDOW / 32);

  isFresh(bootCounter: number, sequence: number): boolean {
    if (bootCounter !== this.#bootCounter) return bootCounter > this.#bootCounter;
    if (sequence > this.#highest) return true;
    return sequence > this.#highest - WINDOW && !this.#has(sequence);
  }

  /** Remembers a message that was fresh and genuine. */
  add(bootCounter: number, sequence: number): void {
    if (bootCounter > this.#bootCounter) {
      this.#bootCounter = bootCounter;
      this.#highest = -1;
      this.#seen.fill(0);
    }
    const skipped = Math.min(sequence - this.#highest, WINDOW);
    for (let back = 0; back < skipped; back += 1) this.#set(sequence - back, false);
    this.#highest = Math.max(this.#highest, sequence);
    this.#set(sequence, true);
  }

  #has(sequence: number): boolean {
    const bit = modulo(sequence);
    return ((this.#seen[bit >> 5]! >>> (bit & 31)) & 1) === 1;
  }

  #set(sequence: number, isSeen: boolean): void {
    const bit = modulo(sequence);
    const mask = 1 << (bit & 31);
    this.#seen[bit >> 5] = isSeen ? this.#seen[bit >> 5]! | mask : this.#seen[bit >> 5]! & ~mask;
  }
}

function modulo(sequence: number): number {
  return ((sequence % WINDOW) + WINDOW) % WINDOW;
}
