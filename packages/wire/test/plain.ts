// SPDX-License-Identifier: Apache-2.0
import { type DecodedPacket, type Packet, Properties, Publish } from "../src/index.js";

/** A decoded packet as the plain object one would give to `encode`, without absent fields: for comparisons. */
export function plain(packet: DecodedPacket): Packet {
  const whole = packet instanceof Publish ? fieldsOf(packet) : packet;
  return clean(whole) as Packet;
}

function fieldsOf(packet: Publish): Record<string, unknown> {
  const { type, topic, payload, qos, retain, duplicate, packetId, properties } = packet;
  return { type, topic, payload, qos, retain, duplicate, packetId, properties };
}

function clean(value: unknown): unknown {
  if (value instanceof Properties) return clean(value.toObject());
  if (value instanceof Uint8Array) return Uint8Array.from(value);
  if (Array.isArray(value)) return value.map(clean);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([name, field]) => [name, clean(field)] as const);
  return Object.fromEntries(
    entries.filter(([name, field]) => field !== undefined && !(name === "properties" && isEmpty(field))),
  );
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}
