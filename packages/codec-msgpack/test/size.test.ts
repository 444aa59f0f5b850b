// SPDX-License-Identifier: Apache-2.0
// What the package adds to a program in a browser beside core and msgpackr: its budget is 1 kB.
import { brotliCompressSync } from "node:zlib";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { expect, it } from "vitest";

const BUDGET = 1024;

async function compressed(contents: string): Promise<number> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: fileURLToPath(new URL("../src", import.meta.url)) },
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    external: ["@mqttv5/core"],
    write: false,
  });
  return brotliCompressSync(outputFiles[0]?.contents ?? new Uint8Array()).length;
}

it("adds at most a kilobyte to msgpackr, compressed", async () => {
  const library = await compressed('export { Packr, RESET_BUFFER_MODE } from "msgpackr/pack"');
  const both = await compressed('export * from "./index.js"');
  expect(both - library).toBeLessThanOrEqual(BUDGET);
});
