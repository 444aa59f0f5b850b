// SPDX-License-Identifier: Apache-2.0
// Each decision on a hard question that the packages of today have to keep is named by a test: `[decision 7]` in its title or in
// that of a describe block around it. `npm run parity` says whether those tests ran and passed.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
const DECISIONS = Array.from({ length: 20 }, (_, index) => index + 1);

/** The decisions that titles of running tests name: `describe.skip`, `it.todo` and the like prove nothing. */
function named(source: string): number[] {
  const titles = source.matchAll(
    /^\s*(?:describe|it|test)(?:\.each(?:<.*>)?\([\s\S]*?\))?\(\s*(["'`])((?:(?!\1).)*)\1/gm,
  );
  return [...titles].flatMap(([, , title = ""]) =>
    [...title.matchAll(/\[decision (\d+)\]/g)].map(([, number]) => Number(number)),
  );
}

const homes = [...readdirSync(join(root, "packages")).map((name) => `packages/${name}`), "conformance"];
const tests = homes.flatMap((home) => {
  const folder = join(root, home, "test");
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".test.ts"))
    .map((name) => readFileSync(join(folder, name), "utf8"));
});

it("every decision from 1 to 20 has a test that is named after it", () => {
  const found = new Set(tests.flatMap(named));
  expect(DECISIONS.filter((decision) => !found.has(decision))).toEqual([]);
});

it("a test that is skipped, and a remark, name nothing", () => {
  expect(named('it("does this [decision 1]", () => {});\n  describe.each([1, 2])("is [decision 2]", run)')).toEqual([
    1, 2,
  ]);
  expect(
    named('it.skip("does this [decision 1]", () => {});\n// it("[decision 2]")\nconst x = "[decision 3]";'),
  ).toEqual([]);
});
