// SPDX-License-Identifier: Apache-2.0
// npm run bench -- codec [--quick] [--json FILE]
const suites = { codec: () => import("./codec/codec.mjs") };

const [name, ...args] = process.argv.slice(2);
const suite = suites[name];
if (suite === undefined) {
  console.error(`usage: npm run bench -- <${Object.keys(suites).join(" | ")}> [--quick] [--json FILE]`);
  process.exit(1);
}
const { run } = await suite();
await run(args);
