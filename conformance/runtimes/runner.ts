// SPDX-License-Identifier: Apache-2.0
// What the suite takes of vitest, for runtimes that vitest does not run on. The matchers are vitest's own.
import { JestAsymmetricMatchers, JestChaiExpect, JestExtend } from "@vitest/expect";
import * as chai from "chai";

chai.use(JestExtend);
chai.use(JestChaiExpect);
chai.use(JestAsymmetricMatchers);
export const expect: Chai.ExpectStatic = chai.expect;

type Body = () => unknown;
type Options = { readonly timeout?: number };

interface Test {
  readonly title: string;
  readonly body: Body;
  readonly timeout: number;
  readonly concurrent: boolean;
}

/** What `describe` collects. */
interface Suite {
  readonly title: string;
  readonly before: Body[];
  readonly after: Body[];
  readonly entries: (Test | Suite)[];
}

export interface Outcome {
  passed: number;
  skipped: number;
  readonly failures: { readonly title: string; readonly reason: string }[];
}

const outcome: Outcome = { passed: 0, skipped: 0, failures: [] };
const path: Suite[] = [{ title: "", before: [], after: [], entries: [] }];
const current = (): Suite => path.at(-1) as Suite;

export function describe(title: string, body: () => void): void {
  const suite: Suite = { title, before: [], after: [], entries: [] };
  current().entries.push(suite);
  path.push(suite);
  body();
  path.pop();
}

export function beforeAll(body: Body): void {
  current().before.push(body);
}

export function afterAll(body: Body): void {
  current().after.push(body);
}

function add(concurrent: boolean): (title: string, options: Options, body: Body) => void {
  return (title, { timeout = 30_000 }, body) => {
    current().entries.push({ title, body, timeout, concurrent });
  };
}

interface TestFunction {
  (title: string, options: Options, body: Body): void;
  readonly concurrent: (title: string, options: Options, body: Body) => void;
  readonly skip: (title: string, options: Options, body: Body) => void;
}

export const test: TestFunction = Object.assign(add(false), {
  concurrent: add(true),
  skip: () => {
    outcome.skipped++;
  },
});

/** Runs all that was described. */
export async function run(): Promise<Outcome> {
  await runSuite(current(), "");
  return outcome;
}

async function runSuite({ title, before, after, entries }: Suite, above: string): Promise<void> {
  const name = [above, title].filter(Boolean).join(" > ");
  try {
    for (const body of before) await body();
  } catch (error) {
    outcome.failures.push({ title: name, reason: said(error) });
    return;
  }
  const together: Promise<void>[] = [];
  for (const entry of entries) {
    if ("entries" in entry) await runSuite(entry, name);
    else if (entry.concurrent) together.push(runTest(entry, name));
    else await runTest(entry, name);
  }
  await Promise.all(together);
  for (const body of after) await body();
}

async function runTest({ title, body, timeout }: Test, suite: string): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${timeout} ms`)), timeout);
  });
  try {
    await Promise.race([body(), late]);
    outcome.passed++;
  } catch (error) {
    outcome.failures.push({ title: `${suite} > ${title}`, reason: said(error) });
  } finally {
    clearTimeout(timer);
  }
}

function said(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
