// SPDX-License-Identifier: Apache-2.0
// Cold imports, each in a fresh process that has imported `node:net` already: what the package itself costs.
import { fileURLToPath } from "node:url";
import { runToEnd } from "../run/processes.mjs";
import { summarise } from "../run/statistics.mjs";

const PEERS = { mqttv5: "@mqttv5/core", mqtt: "mqtt", "u8-mqtt": "u8-mqtt/node" };
const SCRIPT = fileURLToPath(new URL("../worker/import-once.mjs", import.meta.url));

export async function run({ quick, progress }) {
  const rounds = quick ? 15 : 31;
  const peers = Object.fromEntries(
    Object.keys(PEERS).map((id) => [id, { name: PEERS[id].split("/node")[0], runs: [] }]),
  );
  for (let round = 0; round < rounds; round++) {
    progress(`round ${round + 1} of ${rounds}`);
    for (const [id, specifier] of Object.entries(PEERS)) {
      peers[id].runs.push(await runToEnd(process.execPath, [SCRIPT, specifier]));
    }
  }
  for (const peer of Object.values(peers)) peer.summary = summarise(peer.runs);
  const title = "cold import, beyond that of node:net";
  return [{ suite: "import", id: "import", title, measure: "milliseconds", peers, notRun: {}, failed: {} }];
}
