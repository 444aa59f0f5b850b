// SPDX-License-Identifier: Apache-2.0

/** The fifteen control packet types of MQTT 5, as the upper four bits of a packet's first byte. Section 2.1.2. */
export const PacketType = {
  Connect: 1,
  Connack: 2,
  Publish: 3,
  Puback: 4,
  Pubrec: 5,
  Pubrel: 6,
  Pubcomp: 7,
  Subscribe: 8,
  Suback: 9,
  Unsubscribe: 10,
  Unsuback: 11,
  Pingreq: 12,
  Pingresp: 13,
  Disconnect: 14,
  Auth: 15,
} as const;

/** The number of a control packet type, 1 to 15. */
export type PacketType = (typeof PacketType)[keyof typeof PacketType];

/** Which side of a connection sent a packet. */
export type Sender = "client" | "server";

/** Quality of Service: 0 at most once, 1 at least once, 2 exactly once. Section 4.3. */
export type QoS = 0 | 1 | 2;

const names: readonly string[] = [
  "type 0",
  "CONNECT",
  "CONNACK",
  "PUBLISH",
  "PUBACK",
  "PUBREC",
  "PUBREL",
  "PUBCOMP",
  "SUBSCRIBE",
  "SUBACK",
  "UNSUBSCRIBE",
  "UNSUBACK",
  "PINGREQ",
  "PINGRESP",
  "DISCONNECT",
  "AUTH",
];

/** A set of packet types: one bit each. */
export function packetSet(types: readonly number[]): number {
  return types.reduce((set, type) => set | (1 << type), 0);
}

/** The standard's name of a packet type: `"PUBLISH"`; `"type 0"` for a number that is none. */
export function packetName(type: number): string {
  return names[type] ?? `type ${type}`;
}
