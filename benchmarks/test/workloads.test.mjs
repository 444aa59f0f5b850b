// SPDX-License-Identifier: Apache-2.0
// The other half of the line, that the programs of the READMEs run in tests, is in conformance/test/core-readme.test.ts and pack-check.
import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";

/** What the reference measures, and the rows in which we do. */
const WORKLOADS = {
  publish: ["publish-qos0", "publish-qos1-1", "publish-qos2-256"],
  concurrent: ["publish-qos1-256"],
  receive: ["receive-qos0", "receive-qos1"],
  stream: ["receive-stream-64", "receive-qos0-iterator"],
  "round trip": ["roundtrip-1", "roundtrip-256"],
  latency: ["latency-10k"],
  reconnect: ["reconnect-20"],
  "slow consumer": ["slow-consumer"],
  codec: ["codec-decode", "codec-encode"],
};

it.each([20, 24])("every workload of the reference is in the committed run of Node %i [parity 198]", async (major) => {
  const { rows } = JSON.parse(await readFile(new URL(`../results/node-${major}.json`, import.meta.url), "utf8"));
  const ours = /mqttv5|^decode only$|^into the outgoing chunk$/;
  const measured = rows.filter(({ peers }) => Object.keys(peers).some((peer) => ours.test(peer))).map(({ id }) => id);
  expect(measured).toEqual(expect.arrayContaining(Object.values(WORKLOADS).flat()));
});
