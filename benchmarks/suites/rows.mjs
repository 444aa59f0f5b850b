// SPDX-License-Identifier: Apache-2.0
// The rows that are runs of peers side by side. `needs` names what a peer must have (see its `lacks`); one that has it not is
// reported as not run. `through` says what is at the other end: the counterpart, mosquitto, or nothing.

const OURS = ["mqttv5"];
const NODE = ["mqttv5", "mqtt", "u8-mqtt"];
const ALL = ["floor", ...NODE, "go-mqttv5", "go-paho"];
const GO = ["mqttv5", "mqtt", "go-mqttv5", "go-paho"];

const wire = { through: "sink", allocation: true, measure: "messagesPerSecond" };
const publish = (suite, id, title, settings, rest) => ({
  ...wire,
  ...rest,
  suite,
  id,
  title,
  settings: { workload: "publish", size: 256, ...settings },
});
const receive = (suite, id, title, settings, rest) => ({
  ...wire,
  ...rest,
  suite,
  id,
  title,
  settings: { workload: "receive", size: 256, ...settings },
});

const publishRows = [
  publish("publish", "publish-qos0", "publish QoS 0, each awaited", { qos: 0 }, { peers: ALL, needs: ["publishQos0"] }),
  publish(
    "publish",
    "publish-qos0-topics",
    "publish QoS 0, each awaited, 100 topics in turn",
    { qos: 0, topicCount: 100 },
    { peers: ["floor", "mqttv5", "mqtt"], needs: ["publishQos0"] },
  ),
  publish(
    "publish",
    "publish-qos1-256",
    "publish QoS 1, 256 in flight",
    { qos: 1, window: 256 },
    { peers: ["floor", ...NODE], needs: ["window"] },
  ),
  publish(
    "publish",
    "publish-qos1-1",
    "publish QoS 1, 1 in flight",
    { qos: 1, window: 1 },
    { peers: ALL, needs: [], measure: "p50" },
  ),
  publish(
    "publish",
    "publish-qos2-256",
    "publish QoS 2, 256 in flight",
    { qos: 2, window: 256 },
    { peers: ["floor", ...NODE], needs: ["qos2"] },
  ),
];

const receiveRows = [
  receive(
    "receive",
    "receive-qos0",
    "receive QoS 0, callback (@mqttv5/core: the message's own bytes; MQTT.js: a view of what was read)",
    { qos: 0 },
    { peers: ["floor", ...NODE, "go-paho"] },
  ),
  receive(
    "receive",
    "receive-qos0-view",
    "receive QoS 0, callback, a view of what was read (@mqttv5/core: zeroCopy, valid until the callback returns)",
    { qos: 0, view: true },
    { peers: ["floor", "mqttv5", "mqtt"] },
  ),
  receive(
    "receive",
    "receive-qos0-single",
    "receive QoS 0, callback, each sent by a write of its own, as brokers do",
    { qos: 0, single: true },
    { peers: ["floor", "mqttv5", "mqtt"] },
  ),
  receive(
    "receive",
    "receive-qos0-iterator",
    "receive QoS 0, async iterator (MQTT.js has only its callback)",
    { qos: 0, iterator: true },
    { peers: ["floor", "mqttv5", "mqtt"], needs: ["iterator"] },
  ),
  receive(
    "receive",
    "receive-qos0-topics",
    "receive QoS 0, callback, 100 topics in turn",
    { qos: 0, topicCount: 100 },
    { peers: ["floor", ...NODE] },
  ),
  receive("receive", "receive-qos1", "receive QoS 1, acked by the consumer", { qos: 1 }, { peers: ["floor", ...NODE] }),
  receive(
    "receive",
    "receive-qos1-iterator",
    "receive QoS 1, async iterator, each acked (MQTT.js has only its callback)",
    { qos: 1, iterator: true },
    { peers: ["floor", "mqttv5", "mqtt"], needs: ["iterator"] },
  ),
  receive(
    "receive",
    "receive-stream-64",
    "receive QoS 0, stream of 64 B (the Go reference: its queue; paho and MQTT.js: a callback)",
    { qos: 0, size: 64, iterator: true },
    { peers: ["floor", ...GO], needs: ["iterator"], measure: "cpuMicroseconds" },
  ),
];

/** The same through a real broker, where the broker is the bottleneck: what counts is the client's CPU. */
const throughMosquitto = [
  ...publishRows.filter(({ id }) => !id.endsWith("topics")),
  ...receiveRows.filter(({ id }) => ["receive-qos0", "receive-qos0-iterator", "receive-qos1"].includes(id)),
].map((row) => ({
  ...row,
  suite: "roundtrip",
  id: `mosquitto-${row.id}`,
  title: `${row.title}, through mosquitto`,
  through: "mosquitto",
  peers: ["floor", "mqttv5", "mqtt"],
  measure: "cpuMicroseconds",
  allocation: false,
  quick: { rounds: 1 },
}));

const roundtripRows = [1, 256].map((window) => ({
  ...wire,
  suite: "roundtrip",
  id: `roundtrip-${window}`,
  title: `publish to its own subscription, QoS 0, ${window} under way`,
  settings: { workload: "roundtrip", size: 256, window },
  peers: ["floor", ...NODE],
  needs: ["publishQos0"],
  allocation: false,
  measure: "p50",
  quick: { rounds: 1 },
}));

const latencyRow = {
  suite: "latency",
  id: "latency-10k",
  title: "latency of QoS 1 at 10,000 messages per second, open loop",
  settings: { workload: "latency", size: 256, qos: 1, rate: 10_000, warmUp: 1500, duration: 3000 },
  quick: { warmUp: 100, duration: 200 },
  peers: ["floor", ...NODE],
  through: "sink",
  measure: "p99",
};

const reconnectRow = {
  suite: "reconnect",
  id: "reconnect-20",
  title: "reconnect with 20 in flight: from the cut to all acked",
  settings: { workload: "reconnect", size: 256, cuts: 21 },
  quick: { cuts: 5 },
  peers: ["floor", ...NODE],
  needs: ["replay"],
  through: "sink",
  measure: "milliseconds",
};

const slowRow = {
  suite: "slow-consumer",
  id: "slow-consumer",
  title: "a consumer of 1 message/ms, 200,000 messages of 1 KiB at QoS 0, drop-oldest 10,000",
  settings: { workload: "slow-consumer", size: 1024, count: 200_192, bufferSize: 10_000 },
  peers: OURS,
  through: "sink",
  measure: "peakHeapMegabytes",
};

const scaleRows = [
  ["inflight", 256, 60_000, "256 -> 60,000 in flight, 256 sent and acked at a time"],
  ["queued", 1_000, 100_000, "1,000 -> 100,000 queued without a connection, then sent and acked"],
  [
    "filters-same",
    1,
    10_000,
    "1 -> 10,000 filters, 10,000 topics in turn: one filter that matches all, then one for each",
  ],
  ["filters-one", 1, 10_000, "1 -> 10,000 filters, one topic, which one of them names"],
  ["filters", 1, 10_000, "1 -> 10,000 filters and as many topics, all in turn (one topic against 10,000)"],
  ["clients", 1, 1_000, "1 -> 1,000 clients, one QoS 1 publish in flight each"],
].map(([scene, from, to, title]) => ({
  suite: "scale",
  id: `scale-${scene}`,
  title,
  settings: { workload: "scale", scene, from, to },
  quick: { rounds: 1 },
  peers: OURS,
  through: "nothing",
  measure: "timeRatio",
}));

const memoryRows = [
  {
    suite: "memory",
    id: "memory-idle",
    title: "an idle client, connected",
    settings: { workload: "memory", scene: "idle", count: 1000 },
    quick: { count: 200 },
    peers: ["floor", ...NODE],
    through: "sink",
    measure: "heapBytes",
  },
  {
    suite: "memory",
    id: "memory-retained",
    title: "a received message of 100 bytes that is kept",
    settings: { workload: "memory", scene: "retained", count: 65_536, size: 100 },
    quick: { count: 16_384 },
    peers: NODE,
    through: "sink",
    measure: "heldBytes",
  },
];

export const rows = [
  ...publishRows,
  ...receiveRows,
  ...roundtripRows,
  ...throughMosquitto,
  latencyRow,
  reconnectRow,
  slowRow,
  ...scaleRows,
  ...memoryRows,
];
