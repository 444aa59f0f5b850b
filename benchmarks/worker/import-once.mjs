// SPDX-License-Identifier: Apache-2.0
// node import-once.mjs SPECIFIER: milliseconds that the import takes once `node:net` is there.
await import("node:net");
const start = performance.now();
await import(process.argv[2]);
console.log(JSON.stringify({ milliseconds: performance.now() - start }));
process.exit();
