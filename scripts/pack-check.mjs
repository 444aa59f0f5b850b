// SPDX-License-Identifier: Apache-2.0
// Checks the packages as a user gets them: packed, installed by npm without a network, compiled against, run.
//   - every packed package passes publint and attw, and holds LICENSE and NOTICE
//   - npm installs wire, core and codec-json from their tarballs, and core brings no third-party package
//   - classes keep their names in the bundle, and who imports one small thing does not get the rest
//   - the README's first TypeScript example compiles, with and without @types/node, and ends by itself against a broker
//   - so does its plain-JavaScript variant
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import { bin, node, npm, root } from "./command.mjs";

const folder = mkdtempSync(join(tmpdir(), "mqttv5-pack-"));
const consumer = join(folder, "consumer");
const extract = promisify(execFile);
let failures = 0;

function report(name, problem) {
  if (problem !== undefined) failures++;
  console.log(problem === undefined ? `ok     ${name}` : `FAILED ${name}\n${problem.trimEnd()}`);
}

/** Reports a child process as a check; `accept` may object to what it printed. */
async function check(name, running, accept = () => undefined) {
  const { code, output } = await running;
  report(name, code === 0 ? accept(output) : `exit ${code}\n${output}`);
  return code === 0;
}

// --- packing

const published = readdirSync(join(root, "packages"))
  .map((name) => ({ name, home: join(root, "packages", name) }))
  .filter(({ home }) => existsSync(join(home, "package.json")))
  .map((entry) => ({ ...entry, manifest: JSON.parse(readFileSync(join(entry.home, "package.json"), "utf8")) }))
  .filter(({ manifest }) => manifest.private !== true);

function tarball({ manifest }) {
  return join(folder, `${manifest.name.replace("@", "").replace("/", "-")}-${manifest.version}.tgz`);
}

/** What the license wants to go with every copy: the repository's own texts. */
async function legal(entry) {
  for (const name of ["LICENSE", "NOTICE"]) {
    const { stdout } = await extract("tar", ["-xOzf", tarball(entry), `package/${name}`]).catch(() => ({ stdout: "" }));
    const same = stdout === readFileSync(join(root, name), "utf8");
    report(`${name} of ${entry.name}`, same ? undefined : `the tarball has no ${name}, or another one`);
  }
}

async function pack(entry) {
  const packing = node(bin("pnpm"), ["pack", "--pack-destination", folder], { cwd: entry.home });
  if (!(await check(`pack ${entry.name}`, packing, () => (existsSync(tarball(entry)) ? undefined : "no tarball"))))
    return;
  await legal(entry);
  await check(`publint ${entry.name}`, node(bin("publint"), ["run", "--strict", tarball(entry)]));
  const attw = node(bin("@arethetypeswrong/cli", "attw"), ["--profile", "esm-only", "--no-color", tarball(entry)]);
  await check(`attw ${entry.name}`, attw);
}

// --- the consumer

const readme = readFileSync(join(root, "README.md"), "utf8");

/** The first code block of the README in this language. */
function example(language) {
  const text = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "ms").exec(readme)?.[1];
  if (text === undefined) throw new Error(`README.md has no ${language} example`);
  if (!text.includes("mqtt://localhost:1883"))
    throw new Error(`the ${language} example names no mqtt://localhost:1883`);
  return text;
}

async function install() {
  mkdirSync(consumer, { recursive: true });
  const wanted = published.filter(({ name }) => ["wire", "core", "codec-json"].includes(name));
  const dependencies = Object.fromEntries(wanted.map((entry) => [entry.manifest.name, `file:${tarball(entry)}`]));
  const manifest = { name: "consumer", private: true, type: "module", dependencies };
  writeFileSync(join(consumer, "package.json"), JSON.stringify(manifest, null, 2));
  const options = { cwd: consumer, env: { npm_config_cache: join(folder, "npm-cache") } };
  const flags = ["--offline", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"];
  if (!(await check("npm install, without a network", node(npm(), ["install", ...flags], options)))) return false;
  await check("npm ls: nothing of a third party", node(npm(), ["ls", "--all", "--json"], options), (output) => {
    const foreign = [];
    const walk = ({ dependencies = {} }) => {
      for (const [name, child] of Object.entries(dependencies)) {
        if (!name.startsWith("@mqttv5/")) foreign.push(name);
        walk(child);
      }
    };
    walk(JSON.parse(output.slice(output.indexOf("{"))));
    return foreign.length > 0 ? `found ${foreign.join(", ")}` : undefined;
  });
  return true;
}

/** A bundler renames a class that names itself; stack traces would show that. */
const NAMES = `for (const name of process.argv.slice(2)) {
  for (const [key, value] of Object.entries(await import(name))) {
    if (typeof value === "function" && value.name !== key) console.log(name + " calls " + key + " " + value.name);
  }
}`;

/** What a program has to load for a few of the exports, and the most that may be, in minified bytes. */
const SMALL = [
  ['export { isTopicFilter } from "@mqttv5/wire"', 2000],
  ['export { PacketType } from "@mqttv5/wire"', 500],
  ['export { MqttError } from "@mqttv5/core"', 4000],
];

async function bundles() {
  const program = join(consumer, "names.mjs");
  writeFileSync(program, NAMES);
  const names = published.flatMap(({ name, manifest }) => (name === "testing" ? [] : [manifest.name]));
  await check("names of the exports", node(program, names, { cwd: consumer }), (output) => output || undefined);
  for (const [contents, most] of SMALL) {
    const { outputFiles } = await build({
      stdin: { contents, resolveDir: consumer },
      bundle: true,
      minify: true,
      format: "esm",
      platform: "browser",
      write: false,
    });
    const size = outputFiles[0].contents.length;
    report(`tree shaking of ${contents}`, size <= most ? undefined : `${size} bytes, at most ${most} were expected`);
  }
}

async function compile() {
  const source = example("ts");
  writeFileSync(join(consumer, "first.ts"), source);
  writeFileSync(join(consumer, "globals.d.ts"), "declare const console: { log(...values: unknown[]): void };\n");
  const base = { target: "ES2022", module: "NodeNext", strict: true, outDir: "out" };
  const variants = {
    // as the README says it, in a project with @types/node
    "with @types/node": { ...base, types: ["node"] },
    // and in one with the default libraries alone, where every declaration of ours is checked too
    "without @types/node": { ...base, types: [], skipLibCheck: false, noEmit: true },
    // and in one without a platform's types at all: it brings AbortSignal, URL and ReadableStream, or skips the check of libraries
    "with neither Node's nor the DOM's types": {
      ...base,
      lib: ["ES2023", "ESNext.Disposable"],
      types: [],
      skipLibCheck: true,
      noEmit: true,
    },
  };
  mkdirSync(join(consumer, "node_modules", "@types"), { recursive: true });
  symlinkSync(
    join(root, "node_modules", "@types", "node"),
    join(consumer, "node_modules", "@types", "node"),
    "junction",
  );
  for (const [name, compilerOptions] of Object.entries(variants)) {
    const config = join(consumer, `tsconfig.${Object.keys(variants).indexOf(name)}.json`);
    writeFileSync(
      config,
      JSON.stringify({ compilerOptions, files: compilerOptions.lib ? ["globals.d.ts", "first.ts"] : ["first.ts"] }),
    );
    await check(
      `compile the README's TypeScript ${name}`,
      node(bin("typescript", "tsc"), ["-p", config], { cwd: consumer }),
    );
  }
}

// --- brokers

function freePort() {
  return new Promise((done) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

async function testBroker() {
  const load = (file) => import(pathToFileURL(join(root, "packages", "testing", "dist", file)).href);
  const [{ TestBroker }, { listen }] = await Promise.all([load("index.js"), load("node.js")]);
  const broker = new TestBroker();
  const listener = await listen(broker);
  return { port: listener.port, stop: () => Promise.all([broker.close(), listener.close()]) };
}

function findMosquitto() {
  const places = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin"];
  return places.flatMap((place) => [join(place, "mosquitto"), join(place, "mosquitto.exe")]).find(existsSync);
}

/** Whether something accepts connections on the port, now. */
function answers(port) {
  return new Promise((done) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => done(true)).once("error", () => done(false));
    socket.once("connect", () => socket.destroy());
  });
}

async function mosquitto(program) {
  const port = await freePort();
  const config = join(folder, "mosquitto.conf");
  writeFileSync(config, `listener ${port} 127.0.0.1\nallow_anonymous true\npersistence false\n`);
  const child = spawn(program, ["-c", config], { stdio: "ignore" });
  const gone = once(child, "exit");
  const stop = async () => {
    child.kill();
    await gone;
  };
  for (let attempt = 0; attempt < 100; attempt++) {
    if (await answers(port)) return { port, stop };
    await setTimeout(50);
  }
  await stop();
  throw new Error("mosquitto did not start");
}

async function runExamples(name, start) {
  const broker = await start();
  try {
    const programs = { TypeScript: join(consumer, "out", "first.js"), JavaScript: join(consumer, "first.mjs") };
    writeFileSync(programs.JavaScript, example("js"));
    for (const [language, program] of Object.entries(programs)) {
      const here = join(consumer, `run-${language}.mjs`);
      const text = readFileSync(program, "utf8").replace("localhost:1883", `127.0.0.1:${broker.port}`);
      writeFileSync(here, text);
      const running = node(here, [], { cwd: consumer, timeout: 20_000 });
      await check(`run the README's ${language} against ${name}`, running, (output) => {
        return output.trim() === "readings/kitchen 22.5" ? undefined : `it printed:\n${output}`;
      });
    }
  } finally {
    await broker.stop();
  }
}

// --- all of it

try {
  await Promise.all(published.map(pack));
  if (failures === 0 && (await install())) {
    await bundles();
    await compile();
    await runExamples("TestBroker", testBroker);
    const program = findMosquitto();
    if (program === undefined) console.log("skipped the README's examples against mosquitto: it is not installed");
    else await runExamples("mosquitto", () => mosquitto(program));
  }
} catch (error) {
  report("packed packages", error instanceof Error ? error.stack : String(error));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = failures > 0 ? 1 : 0;
