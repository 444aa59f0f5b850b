// SPDX-License-Identifier: Apache-2.0

/** Says which row of how many is running: rewritten in place on a terminal, a line a row in a log. On standard error. */
export class Progress {
  #total;
  #row = 0;
  #title = "";
  #start = performance.now();

  constructor(total) {
    this.#total = total;
  }

  next(title) {
    this.#row++;
    this.#title = title;
    this.#write(`${this.#head()}\n`, `\r\u001b[K${this.#head()}`);
  }

  step(what) {
    this.#write("", `\r\u001b[K${this.#head()}: ${what}`);
  }

  /** Clears the line, so that results can be printed. */
  pause() {
    this.#write("", "\r\u001b[K");
  }

  get elapsed() {
    const seconds = Math.round((performance.now() - this.#start) / 1000);
    return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  }

  #head() {
    return `[${this.#row} of ${this.#total}, ${this.elapsed}] ${this.#title}`;
  }

  #write(log, terminal) {
    if (process.stderr.isTTY) process.stderr.write(terminal.slice(0, Math.max(40, process.stderr.columns ?? 120)));
    else if (log !== "") process.stderr.write(log);
  }
}
