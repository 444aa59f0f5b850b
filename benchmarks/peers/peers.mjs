// SPDX-License-Identifier: Apache-2.0
// Every client under test is behind the same few calls. An adapter module exports
//
//   name       what stands in the tables
//   lacks      workloads' needs it has not, with the reason: such rows are not run, and say so
//   open({ port, clientId, resume })   connects; `resume` asks for a session that survives a cut, redialled at once
//
// and what `open` resolves with has
//
//   publish(topic, payload, qos)           a promise: QoS 0 as the client's users await it, QoS 1 and 2 when acknowledged
//   subscribe(filter, qos, onPayload)      every message's payload to a callback, acknowledged when it returns
//   subscribeView(filter, qos, onPayload)  the same, where the payload need not be the callback's own: a view of what was read
//   iterate(filter, qos, onPayload)        the same by the client's async iterator, with an explicit ack
//   close()                                leaves at once
//
// Each is written as the client's own documentation has its users write it.
import { readFile } from "node:fs/promises";
import { goPeers } from "./go.mjs";

const MODULES = { mqttv5: "./mqttv5.mjs", mqtt: "./mqtt-js.mjs", "u8-mqtt": "./u8-mqtt.mjs", floor: "./floor.mjs" };

/** The adapter of a peer that runs in Node. */
export function loadPeer(id) {
  return import(MODULES[id]);
}

/** All peers by their identifiers; those of Go only after they were built, else with `missing`, the reason. */
export async function findPeers({ go }) {
  const found = {};
  for (const id of Object.keys(MODULES)) {
    const { name, lacks } = await loadPeer(id);
    found[id] = { id, name, lacks };
  }
  return { ...found, ...(await goPeers(go)) };
}

async function versionOf(name) {
  const path = name.startsWith("@mqttv5/")
    ? new URL(`../../packages/${name.slice(8)}/package.json`, import.meta.url)
    : new URL(`../node_modules/${name}/package.json`, import.meta.url);
  return JSON.parse(await readFile(path, "utf8")).version;
}

export async function peerVersions() {
  const names = ["@mqttv5/core", "@mqttv5/wire", "mqtt", "mqtt-packet", "u8-mqtt"];
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await versionOf(name)])));
}
