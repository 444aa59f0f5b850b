// SPDX-License-Identifier: Apache-2.0
// Builds every package in the order of the package graph; unchanged ones come from turbo's cache.
import { bin, node } from "./command.mjs";

const { code } = await node(bin("turbo"), ["run", "build", ...process.argv.slice(2)], { show: true });
process.exitCode = code;
