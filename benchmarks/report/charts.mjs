// SPDX-License-Identifier: Apache-2.0
// Which charts there are, and what of a run each shows.
import { whole } from "../run/print.mjs";
import { barChart } from "./chart.mjs";

const short = (value) => (value >= 10 ? whole(value) : value.toPrecision(2));
const rate = (value) => (value >= 1e6 ? `${(value / 1e6).toFixed(2)} M/s` : `${whole(value / 1000)} k/s`);

const NAMES = {
  mqttv5: "@mqttv5/core",
  mqtt: "MQTT.js",
  "u8-mqtt": "u8-mqtt",
  "go-mqttv5": "mqttv5 (Go)",
  "go-paho": "paho.golang",
  floor: "bare socket",
};

const CHARTS = [
  {
    file: "throughput",
    title: "Messages per second, 256 B (more is better)",
    measure: "messagesPerSecond",
    text: rate,
    rows: {
      "publish-qos0": "publish QoS 0, each awaited",
      "publish-qos1-256": "publish QoS 1, 256 in flight",
      "publish-qos2-256": "publish QoS 2, 256 in flight",
      "receive-qos0": "receive QoS 0, callback",
      "receive-qos0-iterator": "receive QoS 0, async iterator",
      "receive-qos1": "receive QoS 1, acked",
    },
    without: ["floor"],
  },
  {
    file: "floor",
    title: "Messages per second beside a bare socket that sends the same bytes",
    measure: "messagesPerSecond",
    text: rate,
    rows: {
      "publish-qos0": "publish QoS 0, each awaited",
      "publish-qos1-256": "publish QoS 1, 256 in flight",
      "receive-qos0": "receive QoS 0, callback",
      "receive-qos1": "receive QoS 1, acked",
    },
    only: ["mqttv5", "mqtt", "floor"],
  },
  {
    file: "latency",
    title: "Milliseconds (less is better)",
    measure: "p99",
    text: (value) => `${short(value)} ms`,
    rows: {
      "latency-10k": "QoS 1 at 10,000/s, open loop, p99",
      "reconnect-20": "cut to all acked, 20 in flight, p99",
      "roundtrip-1": "round trip, 1 under way, p99",
    },
  },
  {
    file: "broker-cpu",
    title: "CPU microseconds per message through mosquitto (less is better)",
    measure: "cpuMicroseconds",
    text: (value) => `${short(value)} us`,
    rows: {
      "mosquitto-publish-qos0": "publish QoS 0, each awaited",
      "mosquitto-publish-qos1-256": "publish QoS 1, 256 in flight",
      "mosquitto-publish-qos2-256": "publish QoS 2, 256 in flight",
      "mosquitto-receive-qos0": "receive QoS 0, callback",
      "mosquitto-receive-qos1": "receive QoS 1, acked",
    },
  },
];

/** The charts of a run: `{ file, title, svg }`. One without a row in the run is left out. */
export function chartsOf(run) {
  const byId = new Map(run.rows.map((row) => [row.id, row]));
  return CHARTS.flatMap(({ file, title, measure, text, rows, only, without = [] }) => {
    const groups = Object.entries(rows).flatMap(([id, label]) => {
      const bars = Object.entries(byId.get(id)?.peers ?? {})
        .filter(([peer]) => !without.includes(peer) && (only === undefined || only.includes(peer)))
        .flatMap(([peer, { summary }]) => {
          const value = summary[measure]?.median;
          return value === undefined ? [] : [{ peer, value, text: text(value) }];
        })
        .toSorted((a, b) => Object.keys(NAMES).indexOf(a.peer) - Object.keys(NAMES).indexOf(b.peer));
      return bars.length === 0 ? [] : [{ label, bars }];
    });
    if (groups.length === 0) return [];
    const note = `Node ${run.node}, ${run.machine.cpu}, ${run.machine.cores} cores, ${run.date.slice(0, 10)}; each group has its own scale`;
    return [{ file: `${file}.svg`, title, svg: barChart({ title, note, groups, names: NAMES }) }];
  });
}
