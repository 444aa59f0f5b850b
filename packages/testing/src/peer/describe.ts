// SPDX-License-Identifier: Apache-2.0

import { decodeUtf8, isUtf8, type Packet, packetName, Properties, Publish, reasonName } from "@mqttv5/wire";
import type { Difference } from "./pattern.js";

/** Bytes shown at most. */
const SHOWN_BYTES = 64;

/** A packet in words, one line a field. */
export function describePacket(packet: Packet): string {
  const lines = Object.entries(fieldsOf(packet)).flatMap(([name, value]) => {
    if (name === "properties") return describeProperties(value);
    return value === undefined ? [] : [`${name}: ${describe(value, name)}`];
  });
  return [packetName(packet.type), ...lines.map((line) => `  ${line}`)].join("\n");
}

/** What differs, in words. */
export function describeDifference({ path, expected, actual }: Difference): string {
  return `${path}: expected ${describe(expected, path)}, received ${describe(actual, path)}`;
}

/** Bytes in hex, and as text if they are that. */
export function describeBytes(bytes: Uint8Array): string {
  const hex = [...bytes.subarray(0, SHOWN_BYTES)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
  return bytes.length > SHOWN_BYTES ? `${hex} … (${bytes.length} bytes)` : `${hex} (${bytes.length} bytes)`;
}

function fieldsOf(packet: Packet): Readonly<Record<string, unknown>> {
  if (!(packet instanceof Publish)) {
    const { type: _type, ...fields } = packet;
    return fields;
  }
  const { topic, qos, packetId, retain, duplicate, properties, payload } = packet;
  return { topic, qos, packetId, retain, duplicate, properties, payload };
}

function describeProperties(value: unknown): string[] {
  const values: object = value instanceof Properties ? value.toObject() : (value ?? {});
  return Object.entries(values).flatMap(([name, item]) =>
    item === undefined ? [] : [`properties.${name}: ${describe(item, name)}`],
  );
}

function describe(value: unknown, path: string): string {
  if (value === undefined) return "nothing";
  if (typeof value === "number" && path.endsWith("reasonCode")) return describeReason(value);
  if (value instanceof Uint8Array) {
    const text = isUtf8(value) && value.length <= SHOWN_BYTES ? `${JSON.stringify(decodeUtf8(value))} = ` : "";
    return `${text}${describeBytes(value)}`;
  }
  if (value instanceof Properties) return JSON.stringify(value.toObject());
  return JSON.stringify(value);
}

function describeReason(code: number): string {
  return `0x${code.toString(16).padStart(2, "0")} (${reasonName(code)})`;
}
