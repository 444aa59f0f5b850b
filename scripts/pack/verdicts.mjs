// SPDX-License-Identifier: Apache-2.0

/** What was found so far; a line is printed for each check as it ends. */
export class Verdicts {
  failures = 0;

  /** `problem`: what is wrong, or undefined. Returns whether all is well. */
  report(name, problem) {
    if (problem !== undefined) this.failures++;
    console.log(problem === undefined ? `ok     ${name}` : `FAILED ${name}\n${problem.trimEnd()}`);
    return problem === undefined;
  }

  /** Reports a child process; `accept` may object to what it printed. */
  async check(name, running, accept = () => undefined) {
    const { code, output } = await running;
    return this.report(name, code === 0 ? accept(output) : `exit ${code}\n${output}`);
  }
}

/** Runs `action` for every item, `limit` of them at a time. */
export async function eachOf(items, limit, action) {
  const waiting = [...items];
  const worker = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await action(item);
  };
  await Promise.all(Array.from({ length: limit }, worker));
}
