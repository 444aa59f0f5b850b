// SPDX-License-Identifier: Apache-2.0
// Packages as tarballs: made as `pnpm publish` makes them, and looked into.
import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { promisify } from "node:util";
import { bin, node, root } from "../command.mjs";

const run = promisify(execFile);

/** What a tarball may hold, if it is no {@link TEST}. */
const EXPECTED = [
  /^(package\.json|README\.md|CHANGELOG\.md|LICENSE|NOTICE)$/,
  /^dist\/.+(\.js|\.js\.map|\.d\.ts|\.d\.ts\.map)$/,
  /^src\/.+\.ts$/,
];
const TEST = /\.(test|spec|bench)\.|\/(tests?|__tests__|fixtures)\//;

/** Every package that is published, whichever there are. */
export function publishedPackages() {
  return readdirSync(join(root, "packages"))
    .map((name) => ({ name, home: join(root, "packages", name) }))
    .filter(({ home }) => existsSync(join(home, "package.json")))
    .map((entry) => ({ ...entry, manifest: JSON.parse(readFileSync(join(entry.home, "package.json"), "utf8")) }))
    .filter(({ manifest }) => manifest.private !== true);
}

/** Packs a package and unpacks it again: `file` is the tarball, `contents` the folder that came out of it. */
export async function pack(entry, folder, verdicts) {
  const file = join(folder, `${entry.manifest.name.replace("@", "").replace("/", "-")}-${entry.manifest.version}.tgz`);
  const packing = node(bin("pnpm"), ["pack", "--pack-destination", folder], { cwd: entry.home });
  const accept = () => (existsSync(file) ? undefined : "no tarball");
  if (!(await verdicts.check(`pack ${entry.name}`, packing, accept))) return undefined;
  const contents = join(folder, `unpacked-${entry.name}`, "package");
  mkdirSync(dirname(contents));
  await run("tar", ["-xzf", file], { cwd: dirname(contents) });
  return { ...entry, file, contents };
}

/** The same package with another version, and with dependencies of ours from these tarballs. */
export async function packedAs({ name, contents }, version, tarballs, folder) {
  const home = join(folder, `${name}-${version}`);
  cpSync(contents, join(home, "package"), { recursive: true });
  const path = join(home, "package", "package.json");
  const manifest = { ...JSON.parse(readFileSync(path, "utf8")), version };
  for (const name in manifest.dependencies) {
    if (tarballs.has(name)) manifest.dependencies[name] = `file:${tarballs.get(name)}`;
  }
  writeFileSync(path, JSON.stringify(manifest));
  const file = join(folder, `${name}-${version}.tgz`);
  await run("tar", ["-czf", file, "package"], { cwd: home });
  return file;
}

/** What is wrong with what a tarball holds, one line each. */
export function contentProblems({ contents }) {
  const files = readdirSync(contents, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(contents.length + 1)
        .replaceAll("\\", "/"),
    );
  const there = new Set(files);
  const read = (name) => readFileSync(join(contents, name), "utf8");
  const expected = (file) => EXPECTED.some((form) => form.test(file)) && !TEST.test(file);
  const problems = files.filter((file) => !expected(file)).map((file) => `it holds ${file}`);
  // What the license wants to go with every copy.
  for (const name of ["LICENSE", "NOTICE"]) {
    if (!there.has(name)) problems.push(`it has no ${name}`);
    else if (read(name) !== readFileSync(join(root, name), "utf8"))
      problems.push(`its ${name} is not the repository's`);
  }
  for (const map of files.filter((file) => file.endsWith(".map"))) {
    for (const source of JSON.parse(read(map)).sources) {
      if (!there.has(posix.join(posix.dirname(map), source)))
        problems.push(`${map} leads to ${source}, which it has not`);
    }
  }
  if (read("package.json").includes('"workspace:')) problems.push("its package.json names the workspace");
  return problems;
}

/** The checks that need the tarball alone. */
export async function checkTarball(packed, verdicts) {
  const problems = contentProblems(packed);
  verdicts.report(`contents of ${packed.name}`, problems.length > 0 ? problems.join("\n") : undefined);
  await verdicts.check(`publint ${packed.name}`, node(bin("publint"), ["run", "--strict", packed.file]));
  const attw = node(bin("@arethetypeswrong/cli", "attw"), ["--profile", "esm-only", "--no-color", packed.file]);
  await verdicts.check(`attw ${packed.name}`, attw);
}
