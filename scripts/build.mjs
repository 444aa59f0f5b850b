// SPDX-License-Identifier: Apache-2.0
// Builds every package in the order of the package graph; unchanged ones come from turbo's cache.
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { bin, node, root } from "./command.mjs";

/**
 * What turbo left of an earlier build when it took a later one from its cache: declarations of sources that are gone, and entries that
 * the manifest no longer names.
 */
function removeLeftovers(home) {
  const dist = join(home, "dist");
  if (!existsSync(dist)) return;
  const manifest = readFileSync(join(home, "package.json"), "utf8");
  for (const file of readdirSync(dist, { recursive: true })) {
    const [, stem, kind] = /^(.+?)(\.d\.ts|\.js)(?:\.map)?$/.exec(file.replaceAll("\\", "/")) ?? [];
    const wanted =
      kind === ".js" ? manifest.includes(`"./dist/${stem}.js"`) : existsSync(join(home, "src", `${stem}.ts`));
    if (stem !== undefined && !wanted) rmSync(join(dist, file));
  }
}

const { code } = await node(bin("turbo"), ["run", "build", ...process.argv.slice(2)], { show: true });
for (const name of readdirSync(join(root, "packages"))) removeLeftovers(join(root, "packages", name));
process.exitCode = code;
