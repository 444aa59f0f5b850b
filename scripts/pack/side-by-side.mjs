// SPDX-License-Identifier: Apache-2.0
// Two versions of core, wire and the codecs in one tree, as npm builds it for a project whose dependency `app` wants newer ones. The
// other plug-ins are shared. What must work then is in two-cores.mjs and, for the types, below.
import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { root } from "../command.mjs";
import { testBroker } from "./broker.mjs";
import { Consumer } from "./consumer.mjs";
import { packedAs } from "./tarball.mjs";

const run = promisify(execFile);

/** Another version that plug-ins take as well: the next minor. */
function nextMinor(version) {
  const [major, minor] = version.split(".");
  return `${major}.${Number(minor) + 1}.0`;
}

const TYPES = `import { json } from "@mqttv5/codec-json";
import { Client, type ErrorCode, MqttError, type Transport } from "@mqttv5/core";
import { core, json as other } from "app";

interface Reading {
  readonly temp: number;
}

declare const transport: core.Transport;
const given: Transport = transport;
const options = { broker: "mqtt://localhost", transport: given };
const parts = { reconnectBackoff: core.exponentialBackoff(), store: new core.MemorySessionStore(), clock: core.systemClock() };
const client = new Client({ ...options, ...parts, authenticator: core.scramSha256({ username: "a", password: "b" }) });
const temp = (value: Reading): number => value.temp;
for await (const { value } of await client.typed(other.json<Reading>()).subscribe("a")) temp(value);
for await (const { value } of await new core.Client(options).typed(json<Reading>()).subscribe("a")) temp(value);
for await (const { topic, payload, properties } of await client.subscribe("a")) {
  await new core.Client(options).publish(topic, payload, properties);
}
const failure: unknown = new core.InvalidArgumentError("INVALID_FIELD", "field", 1, "must be 2");
if (MqttError.is(failure)) temp({ temp: (failure.code satisfies ErrorCode).length });
`;

/** `app`: has these of ours, as its own exports. */
async function packApp(tarballs, folder) {
  const home = join(folder, "app", "package");
  mkdirSync(home, { recursive: true });
  const names = [...tarballs.keys()];
  const exports = names
    .map((name) => `export * as ${name.replace(/^@mqttv5\/(codec-)?/, "")} from "${name}";\n`)
    .join("");
  for (const name of ["index.js", "index.d.ts"]) writeFileSync(join(home, name), exports);
  const dependencies = Object.fromEntries(names.map((name) => [name, `file:${tarballs.get(name)}`]));
  const manifest = { name: "app", version: "1.0.0", type: "module", exports: "./index.js", dependencies };
  writeFileSync(join(home, "package.json"), JSON.stringify(manifest));
  const file = join(folder, "app.tgz");
  await run("tar", ["-czf", file, "package"], { cwd: join(folder, "app") });
  return file;
}

export async function sideBySide(packages, folder, verdicts) {
  const plugins = packages.filter(({ manifest }) => manifest.peerDependencies?.["@mqttv5/core"] !== undefined);
  const base = ["wire", "core"].map((name) => packages.find((entry) => entry.name === name));
  const doubled = [...base, ...plugins.filter(({ name }) => name.startsWith("codec-"))];
  const tarballs = new Map();
  for (const entry of doubled) {
    const version = nextMinor(entry.manifest.version);
    tarballs.set(entry.manifest.name, await packedAs(entry, version, tarballs, folder));
  }
  const consumer = new Consumer(folder, "two cores", verdicts);
  const app = { app: `file:${await packApp(tarballs, folder)}` };
  if (!(await consumer.install([...base, ...plugins], packages, app))) return;

  const versionIn = (...place) => {
    const path = join(consumer.home, ...place, "package.json");
    return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")).version : undefined;
  };
  const strange = [...base, ...plugins].flatMap((entry) => {
    const { name, version } = entry.manifest;
    const found = [[], ["node_modules", "app"]].map((at) => versionIn(...at, "node_modules", name));
    const nested = doubled.includes(entry) ? nextMinor(version) : undefined;
    return found[0] === version && found[1] === nested ? [] : [`${name}: ${found.join(" and ")}`];
  });
  const layout = strange.length > 0 ? `npm built another tree:\n${strange.join("\n")}` : undefined;
  if (!verdicts.report("two cores: one in the project, one below it", layout)) return;

  consumer.borrow(["@types/node"]);
  consumer.write("two-cores.ts", TYPES);
  await consumer.compile("two cores", ["two-cores.ts"], { types: ["node"], skipLibCheck: false, noEmit: true });

  cpSync(join(root, "scripts", "pack", "two-cores.mjs"), join(consumer.home, "two-cores.mjs"));
  const withWs = plugins.some(({ name }) => name === "transport-ws");
  const brokers = [await testBroker(), ...(withWs ? [await testBroker("ws")] : [])];
  const setting = { urls: brokers.map(({ url }) => url), plugins: plugins.map(({ name }) => name) };
  consumer.write("two-cores.json", JSON.stringify(setting));
  await verdicts.check("two cores work side by side", consumer.run("two-cores.mjs"));
  for (const broker of brokers) await broker.stop();
}
