// SPDX-License-Identifier: Apache-2.0
// The suite against TestBroker, bundled with `runner.ts` in the place of vitest; the packages are not in the bundle but those that were
// built, found as the runtime finds them. Prints one line of JSON.
import { conformance } from "../src/suite.js";
import { testBroker } from "../src/targets/test-broker.js";
import { run } from "./runner.js";

conformance(testBroker("TCP"));
conformance(testBroker("TLS"));

const { Bun, Deno } = globalThis as { Bun?: { version: string }; Deno?: { version: { deno: string } } };
const runtime =
  Bun !== undefined
    ? `Bun ${Bun.version}`
    : Deno !== undefined
      ? `Deno ${Deno.version.deno}`
      : `Node ${process.versions.node}`;
const { passed, skipped, failures } = await run();
console.log(JSON.stringify({ runtime, passed, skipped, failures }));
process.exit(failures.length > 0 ? 1 : 0);
