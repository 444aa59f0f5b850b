// SPDX-License-Identifier: Apache-2.0
import { PacketType } from "../packet-type.js";
import type { Properties } from "../properties.js";
import type { AckProperties } from "../property-values.js";
import { readProperties } from "../read-properties.js";
import type { Reader } from "../reader.js";
import { writeProperties } from "../write-properties.js";
import type { Writer } from "../writer.js";

/** Answers a SUBSCRIBE. Section 3.9. */
export interface SubackPacket {
  readonly type: typeof PacketType.Suback;
  readonly packetId: number;
  /** One for each filter, in the order of the filters: the QoS granted, or a failure. */
  readonly reasonCodes: readonly number[];
  readonly properties?: AckProperties | undefined;
}

/** Answers an UNSUBSCRIBE; but for its codes the same as SUBACK. Section 3.11. */
export interface UnsubackPacket {
  readonly type: typeof PacketType.Unsuback;
  readonly packetId: number;
  /** One for each filter, in the order of the filters. */
  readonly reasonCodes: readonly number[];
  readonly properties?: AckProperties | undefined;
}

/** A received {@link SubackPacket}. */
export interface DecodedSuback extends SubackPacket {
  readonly properties: Properties;
}

/** A received {@link UnsubackPacket}. */
export interface DecodedUnsuback extends UnsubackPacket {
  readonly properties: Properties;
}

type ListAckType = typeof PacketType.Suback | typeof PacketType.Unsuback;

export function read(reader: Reader, type: ListAckType): DecodedSuback | DecodedUnsuback {
  const packetId = reader.packetId();
  const properties = readProperties(reader, type);
  const reasonCodes: number[] = [];
  do reasonCodes.push(reader.reasonCode());
  while (reader.more);
  return { type, packetId, reasonCodes, properties };
}

export function write(writer: Writer, packet: SubackPacket | UnsubackPacket): void {
  const { type, reasonCodes } = packet;
  writer.open(type, 0);
  writer.packetId(packet.packetId);
  writeProperties(writer, type, packet.properties);
  writer.checkList("reasonCodes", reasonCodes);
  reasonCodes.forEach((code, index) => writer.reasonCode(type, code, `reasonCodes[${index}]`));
  writer.close();
}
