// SPDX-License-Identifier: Apache-2.0
// Checks the packages as a user gets them, whichever there are: packed, installed by npm, compiled against, run.
//   - every tarball passes publint and attw, and holds what it should, LICENSE and NOTICE among it, and nothing else
//   - each package, installed alone with core in a clean folder, makes a tree without problems, which brings a third party only if
//     the package says so; it compiles the TypeScript programs of its README and runs the first JavaScript one, or else TypeScript one
//   - so do both variants of the first program of the repository's README, with and without @types/node
//   - classes keep their names in the bundle, and who imports one small thing does not get the rest
//   - two versions of core in one tree work side by side: pack/two-cores.mjs
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { root } from "./command.mjs";
import { findMosquitto, mosquitto, testBroker } from "./pack/broker.mjs";
import { Consumer } from "./pack/consumer.mjs";
import { brokersOf, complaint, firstIn, importsOf, programsOf, withBrokers } from "./pack/readme.mjs";
import { sideBySide } from "./pack/side-by-side.mjs";
import { checkTarball, pack, publishedPackages } from "./pack/tarball.mjs";
import { eachOf, Verdicts } from "./pack/verdicts.mjs";

/** So many checks at a time. */
const AT_ONCE = 2;

const folder = mkdtempSync(join(tmpdir(), "mqttv5-pack-"));
const verdicts = new Verdicts();

/** A bundler renames a class that names itself; stack traces would show that. */
const NAMES = `for (const [key, value] of Object.entries(await import("PACKAGE"))) {
  if (typeof value === "function" && value.name !== key) console.log(key + " is called " + value.name);
}`;

function names(consumer, { manifest }) {
  consumer.write("names.mjs", NAMES.replace("PACKAGE", manifest.name));
  const running = consumer.run("names.mjs");
  return verdicts.check(`names of the exports of ${consumer.name}`, running, (output) => output || undefined);
}

/** What a program has to load for a few of the exports, and the most that may be, in minified bytes. */
const SMALL = [
  ['export { isTopicFilter } from "@mqttv5/wire"', 2000],
  ['export { PacketType } from "@mqttv5/wire"', 500],
  ['export { MqttError } from "@mqttv5/core"', 4000],
];

async function treeShaking(resolveDir) {
  const options = { bundle: true, minify: true, format: "esm", platform: "browser", write: false };
  for (const [contents, most] of SMALL) {
    const { outputFiles } = await build({ stdin: { contents, resolveDir }, ...options });
    const size = outputFiles[0].contents.length;
    const problem = size <= most ? undefined : `${size} bytes, at most ${most} were expected`;
    verdicts.report(`tree shaking of ${contents}`, problem);
  }
}

/** Runs a program against a broker of its own for each one that it names. `start` makes one for a scheme. */
async function runAgainst(kind, start, consumer, { language, text, file }) {
  const brokers = new Map();
  try {
    for (const url of brokersOf(text)) brokers.set(url, await start(url.split(":")[0]));
    const urls = new Map([...brokers].map(([url, broker]) => [url, broker.url]));
    const source = language === "ts" ? join("out", file.replace(/\.ts$/, ".js")) : file;
    const program = `run.${kind}.${source.replaceAll(/[\\/]/g, ".").replace(/\.js$/, ".mjs")}`;
    consumer.write(program, withBrokers(readFileSync(join(consumer.home, source), "utf8"), urls));
    const running = consumer.run(program, importsOf(text).has("vitest"));
    const name = `run ${consumer.name}'s ${language === "ts" ? "TypeScript" : "JavaScript"} against ${kind}`;
    await verdicts.check(name, running, (output) => complaint(text, output));
  } finally {
    for (const broker of brokers.values()) await broker.stop();
  }
}

/** Programs of a README, each with the file it is written to. */
function written(consumer, programs) {
  return programs.map((program, index) => {
    const extension = program.language === "ts" ? ".ts" : ".mjs";
    const file = `example-${index}${importsOf(program.text).has("vitest") ? ".test" : ""}${extension}`;
    consumer.write(file, program.text);
    return { ...program, file };
  });
}

/** A clean folder with what these programs import of ours, `also`, and core; or undefined if npm refuses. */
async function project(name, programs, packages, also) {
  const imports = new Set(programs.flatMap(({ text }) => [...importsOf(text)]));
  const wanted = packages.filter(
    (entry) => entry === also || entry.name === "core" || imports.has(entry.manifest.name),
  );
  const consumer = new Consumer(folder, name, verdicts);
  if (!(await consumer.install(wanted, packages))) return undefined;
  const foreign = [...imports].filter((name) => !name.startsWith("@mqttv5/"));
  consumer.borrow(["@types/node", ...foreign], also?.home);
  return consumer;
}

async function tryPackage(entry, packages) {
  const programs = programsOf(readFileSync(join(entry.contents, "README.md"), "utf8"));
  const first = firstIn("js", programs) ?? firstIn("ts", programs);
  if (first === undefined) {
    verdicts.report(`README of ${entry.name}`, "it has no program that starts with an import");
    return;
  }
  const there = new Set(["@mqttv5/core", "@mqttv5/wire", entry.manifest.name, ...importsOf(first.text)]);
  const needsMore = ({ text }) => [...importsOf(text)].some((name) => name.startsWith("@mqttv5/") && !there.has(name));
  const typed = programs.filter(({ language }) => language === "ts");
  const alone = [...new Set([first, ...typed.filter((program) => !needsMore(program))])];
  const consumer = await project(entry.name, alone, packages, entry);
  if (consumer === undefined) return;
  await names(consumer, entry);
  if (entry.name === "core") await treeShaking(consumer.home);
  const files = written(consumer, alone);
  if (await compiles(consumer, files)) await runAgainst("TestBroker", testBroker, consumer, files[0]);

  const others = typed.filter(needsMore);
  if (others.length === 0) return;
  const company = await project(`${entry.name} in company`, others, packages, entry);
  if (company !== undefined) await compiles(company, written(company, others));
}

async function compiles(consumer, files) {
  const sources = files.filter(({ language }) => language === "ts").map(({ file }) => file);
  if (sources.length === 0) return true;
  return await consumer.compile(`README of ${consumer.name}`, sources, { types: ["node"] });
}

/** The README of the repository: its first program in both languages. */
async function tryFirstPage(packages) {
  const programs = programsOf(readFileSync(join(root, "README.md"), "utf8"));
  const first = [firstIn("ts", programs), firstIn("js", programs)];
  const consumer = await project("README.md", first, packages);
  if (consumer === undefined) return;
  const files = written(consumer, first);
  consumer.write("globals.d.ts", "declare const console: { log(...values: unknown[]): void };\n");
  const source = files[0].file;
  // as the README says it, in a project with @types/node
  await consumer.compile("README.md with @types/node", [source], { types: ["node"] });
  // and in one with the default libraries alone, where every declaration of ours is checked too
  await consumer.compile("README.md without @types/node", [source], { types: [], skipLibCheck: false, noEmit: true });
  // and in one without a platform's types at all: it brings AbortSignal, URL and ReadableStream, or skips the check of libraries
  const bare = { lib: ["ES2023", "ESNext.Disposable"], types: [], skipLibCheck: true, noEmit: true };
  await consumer.compile("README.md with neither Node's nor the DOM's types", ["globals.d.ts", source], bare);
  for (const file of files) await runAgainst("TestBroker", testBroker, consumer, file);
  const program = findMosquitto();
  if (program === undefined) console.log("skipped README.md against mosquitto: it is not installed");
  else for (const file of files) await runAgainst("mosquitto", () => mosquitto(program, folder), consumer, file);
}

/** A check that breaks down is one that failed. */
async function attempt(name, action) {
  try {
    await action();
  } catch (error) {
    verdicts.report(name, error instanceof Error ? error.stack : String(error));
  }
}

try {
  const packages = [];
  await eachOf(publishedPackages(), AT_ONCE, async (entry) => {
    const packed = await pack(entry, folder, verdicts);
    if (packed !== undefined) packages.push(packed);
  });
  if (verdicts.failures === 0) {
    const tasks = [
      ["two cores", () => sideBySide(packages, folder, verdicts)],
      ["README.md", () => tryFirstPage(packages)],
      ...packages.map((entry) => [entry.name, () => tryPackage(entry, packages)]),
      ...packages.map((entry) => [`tarball of ${entry.name}`, () => checkTarball(entry, verdicts)]),
    ];
    await eachOf(tasks, AT_ONCE, ([name, action]) => attempt(name, action));
  }
} catch (error) {
  verdicts.report("packed packages", error instanceof Error ? error.stack : String(error));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = verdicts.failures > 0 ? 1 : 0;
