// SPDX-License-Identifier: Apache-2.0
// A user's project: a clean folder of its own, into which npm installs packed packages.
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { bin, node, npm, root } from "../command.mjs";

const FLAGS = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"];

/** Where npm may need the registry: it asks three times within seconds, and says then what is wrong. */
const PATIENCE = [
  "--prefer-offline",
  "--fetch-timeout=20000",
  "--fetch-retries=2",
  "--fetch-retry-mintimeout=1000",
  "--fetch-retry-maxtimeout=5000",
];

/** Milliseconds after which something hangs. */
const INSTALL_LIMIT = 90_000;
const RUN_LIMIT = 60_000;

/** The names of a package's dependencies that are not ours. */
function foreignOf({ manifest }) {
  return Object.keys(manifest.dependencies ?? {}).filter((name) => !name.startsWith("@mqttv5/"));
}

export class Consumer {
  constructor(folder, name, verdicts) {
    this.name = name;
    this.home = join(folder, "consumers", name);
    this.verdicts = verdicts;
    this.cache = join(folder, "npm-cache");
    mkdirSync(this.home, { recursive: true });
  }

  write(name, text) {
    const path = join(this.home, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    return path;
  }

  /**
   * Installs `wanted` and `dependencies`, as the user would; `packages` are all of ours, so that no dependency of ours is looked for elsewhere. Without a
   * network if nothing of a third party is needed; otherwise from npm's own cache, or else the registry.
   */
  async install(wanted, packages, dependencies = {}) {
    const ours = Object.fromEntries(packages.map(({ manifest, file }) => [manifest.name, `file:${file}`]));
    const direct = {
      ...Object.fromEntries(wanted.map(({ manifest }) => [manifest.name, ours[manifest.name]])),
      ...dependencies,
    };
    const others = Object.fromEntries(Object.entries(ours).filter(([name]) => direct[name] === undefined));
    const manifest = { name: "consumer", private: true, type: "module", dependencies: direct };
    this.write("package.json", JSON.stringify({ ...manifest, overrides: others }, null, 2));
    const alone = wanted.flatMap(foreignOf).length === 0;
    const options = { cwd: this.home, env: alone ? { npm_config_cache: this.cache } : {} };
    const installing = node(npm(), ["install", ...FLAGS, ...(alone ? ["--offline"] : PATIENCE)], {
      ...options,
      timeout: INSTALL_LIMIT,
    });
    const how = alone ? ", without a network" : "";
    if (!(await this.verdicts.check(`npm install ${this.name}${how}`, installing))) return false;
    const listing = node(npm(), ["ls", "--all", "--json"], options);
    return await this.verdicts.check(`npm ls ${this.name}`, listing, (output) => treeProblem(output, alone));
  }

  /** Puts beside the installed packages what examples import besides, from this repository's own tools. */
  borrow(names, owner = root) {
    for (const name of names) {
      const here = join(this.home, "node_modules", name);
      if (existsSync(here)) continue;
      const source = [owner, root].map((home) => join(home, "node_modules", name)).find(existsSync);
      if (source === undefined) throw new Error(`${name} is in no node_modules of ours`);
      mkdirSync(dirname(here), { recursive: true });
      symlinkSync(source, here, "junction");
    }
  }

  compile(name, files, options) {
    const base = { target: "ES2022", module: "NodeNext", strict: true, rootDir: ".", outDir: "out" };
    const config = this.write(
      `tsconfig.${name.replaceAll(/\W/g, "-")}.json`,
      JSON.stringify({ compilerOptions: { ...base, ...options }, files }),
    );
    return this.verdicts.check(`compile ${name}`, node(bin("typescript", "tsc"), ["-p", config], { cwd: this.home }));
  }

  /** Runs a program of this folder, as a test if it is one. */
  run(program, tested = false) {
    const script = tested ? bin("vitest") : join(this.home, program);
    return node(script, tested ? ["run", "--root", this.home, program] : [], { cwd: this.home, timeout: RUN_LIMIT });
  }
}

function treeProblem(output, alone) {
  const { problems = [], ...tree } = JSON.parse(output.slice(output.indexOf("{")));
  if (problems.length > 0) return problems.join("\n");
  const foreign = [];
  const walk = ({ dependencies = {} }) => {
    for (const [name, child] of Object.entries(dependencies)) {
      const there = child.version !== undefined; // optional peers are listed too
      if (there && !name.startsWith("@mqttv5/") && name !== "app") foreign.push(name);
      walk(child);
    }
  };
  walk(tree);
  return alone && foreign.length > 0 ? `it brings ${foreign.join(", ")}` : undefined;
}
