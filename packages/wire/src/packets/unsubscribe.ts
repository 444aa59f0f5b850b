// SPDX-License-Identifier: Apache-2.0
import { PacketType } from "../packet-type.js";
import type { Properties } from "../properties.js";
import type { UnsubscribeProperties } from "../property-values.js";
import { readProperties } from "../read-properties.js";
import type { Reader } from "../reader.js";
import { writeProperties } from "../write-properties.js";
import type { Writer } from "../writer.js";

/** Takes subscriptions back. Section 3.10. */
export interface UnsubscribePacket {
  readonly type: typeof PacketType.Unsubscribe;
  /** 1 to 65,535. */
  readonly packetId: number;
  /** At least one; each as it was subscribed, `$share/…` included. */
  readonly filters: readonly string[];
  readonly properties?: UnsubscribeProperties | undefined;
}

/** A received {@link UnsubscribePacket}. */
export interface DecodedUnsubscribe extends UnsubscribePacket {
  readonly properties: Properties;
}

export function read(reader: Reader): DecodedUnsubscribe {
  const packetId = reader.packetId();
  const properties = readProperties(reader, PacketType.Unsubscribe);
  const filters: string[] = [];
  do filters.push(reader.filter());
  while (reader.more);
  return { type: PacketType.Unsubscribe, packetId, filters, properties };
}

export function write(writer: Writer, packet: UnsubscribePacket): void {
  const { filters } = packet;
  writer.open(PacketType.Unsubscribe, 2); // [MQTT-3.10.1-1]
  writer.packetId(packet.packetId);
  writeProperties(writer, PacketType.Unsubscribe, packet.properties);
  writer.checkList("filters", filters); // [MQTT-3.10.3-2]
  filters.forEach((filter, index) => writer.filter(`filters[${index}]`, filter));
  writer.close();
}
