// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), "utf8");

/** The names of the members of an interface. */
function members(source: string, name: string): string[] {
  const body = source.slice(source.indexOf(`export interface ${name} `)).split("\n}")[0] ?? "";
  return [...body.matchAll(/^ {2}readonly (\w+)\?:/gm)].map(([, member]) => member as string);
}

describe("the README", () => {
  it("lists every option of the test broker, and no other", () => {
    const options = [
      ...members(read("../src/broker/options.ts"), "TestBrokerOptions"),
      ...members(read("../src/broker/hooks.ts"), "BrokerHooks"),
    ];
    const section = read("../README.md").split("### Options")[1]?.split("\n#")[0] ?? "";
    const listed = [...section.matchAll(/^\| `(\w+)/gm)].map(([, option]) => option as string);
    expect(options.length).toBeGreaterThan(20);
    expect(listed.toSorted()).toEqual(options.toSorted());
  });
});
