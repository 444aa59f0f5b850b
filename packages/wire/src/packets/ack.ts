// SPDX-License-Identifier: Apache-2.0
import { PacketType } from "../packet-type.js";
import type { Properties } from "../properties.js";
import type { AckProperties } from "../property-values.js";
import { noProperties, readProperties } from "../read-properties.js";
import type { Reader } from "../reader.js";
import type { Writer } from "../writer.js";
import { writeOutcome } from "./outcome.js";

/** The types of the four packets that answer a PUBLISH or one another. */
export type AckType =
  | typeof PacketType.Puback
  | typeof PacketType.Pubrec
  | typeof PacketType.Pubrel
  | typeof PacketType.Pubcomp;

/** What PUBACK, PUBREC, PUBREL and PUBCOMP have in common, which is all. Sections 3.4 to 3.7. */
export interface AckPacket<T extends AckType = AckType> {
  readonly type: T;
  /** The identifier of the PUBLISH it belongs to, 1 to 65,535. */
  readonly packetId: number;
  readonly reasonCode: number;
  readonly properties?: AckProperties | undefined;
}

/** Answers a QoS 1 PUBLISH. Section 3.4. */
export type PubackPacket = AckPacket<typeof PacketType.Puback>;
/** The first answer to a QoS 2 PUBLISH. Section 3.5. */
export type PubrecPacket = AckPacket<typeof PacketType.Pubrec>;
/** The answer to a PUBREC. Section 3.6. */
export type PubrelPacket = AckPacket<typeof PacketType.Pubrel>;
/** The last answer to a QoS 2 PUBLISH. Section 3.7. */
export type PubcompPacket = AckPacket<typeof PacketType.Pubcomp>;

/** A received {@link AckPacket}. */
export interface DecodedAck<T extends AckType = AckType> extends AckPacket<T> {
  readonly properties: Properties;
}

export function read<T extends AckType>(reader: Reader, type: T): DecodedAck<T> {
  const packetId = reader.packetId();
  const reasonCode = reader.more ? reader.reasonCode() : 0; // the two short forms: no code, no length of properties
  const properties = reader.more ? readProperties(reader, type) : noProperties(type);
  reader.finish();
  return { type, packetId, reasonCode, properties };
}

export function write(writer: Writer, packet: AckPacket): void {
  const { type } = packet;
  writer.open(type, type === PacketType.Pubrel ? 2 : 0); // [MQTT-3.6.1-1]
  writer.packetId(packet.packetId);
  writeOutcome(writer, type, packet.reasonCode, packet.properties);
  writer.close();
}
