// SPDX-License-Identifier: Apache-2.0
// Bytes of each client bundled with all that it needs, for Node: minified, and that compressed.
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { build } from "esbuild";
import { summarise } from "../run/statistics.mjs";

const here = fileURLToPath(new URL("..", import.meta.url));
const PEERS = {
  mqttv5: ["@mqttv5/core", 'export { Client } from "@mqttv5/core"'],
  mqtt: ["MQTT.js", 'export { connectAsync } from "mqtt"'],
  "u8-mqtt": ["u8-mqtt", 'export { mqtt_v5 } from "u8-mqtt/node"'],
};

async function sizeOf(contents) {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: here },
    bundle: true,
    minify: true,
    format: "esm",
    platform: "node",
    target: "node20",
    write: false,
  });
  const bytes = outputFiles[0].contents;
  return {
    minified: bytes.length,
    gzip: gzipSync(bytes, { level: 9 }).length,
    brotli: brotliCompressSync(bytes).length,
  };
}

export async function run() {
  const peers = {};
  for (const [id, [name, contents]] of Object.entries(PEERS)) {
    const runs = [await sizeOf(contents)];
    peers[id] = { name, runs, summary: summarise(runs) };
  }
  const title = "bytes, bundled for Node with all dependencies";
  return [{ suite: "size", id: "size", title, measure: "brotli", peers, notRun: {}, failed: {} }];
}
