// SPDX-License-Identifier: Apache-2.0
import { checkMethod, requireMethod } from "../authentication.js";
import { PacketType } from "../packet-type.js";
import type { Properties } from "../properties.js";
import type { ConnackProperties } from "../property-values.js";
import { readProperties } from "../read-properties.js";
import type { Reader } from "../reader.js";
import { writeProperties } from "../write-properties.js";
import type { Writer } from "../writer.js";

/** The server's answer to CONNECT. Section 3.2. */
export interface ConnackPacket {
  readonly type: typeof PacketType.Connack;
  /** Only with reason code 0. */
  readonly sessionPresent: boolean;
  readonly reasonCode: number;
  readonly properties?: ConnackProperties | undefined;
}

/** A received {@link ConnackPacket}. */
export interface DecodedConnack extends ConnackPacket {
  readonly properties: Properties;
}

export function read(reader: Reader): DecodedConnack {
  const flags = reader.u8();
  if (flags > 1) throw reader.malformed("a reserved Connect Acknowledge Flag is set"); // [MQTT-3.2.2-1]
  const reasonCode = reader.reasonCode(); // [MQTT-3.2.2-8]
  if (flags === 1 && reasonCode !== 0)
    throw reader.forbidden("a session is present although the connection is refused"); // [MQTT-3.2.2-6]
  const properties = readProperties(reader, PacketType.Connack);
  checkMethod(reader, properties);
  reader.finish();
  return { type: PacketType.Connack, sessionPresent: flags === 1, reasonCode, properties };
}

export function write(writer: Writer, packet: ConnackPacket): void {
  const { sessionPresent, reasonCode } = packet;
  writer.open(PacketType.Connack, 0);
  writer.u8(sessionPresent ? 1 : 0);
  writer.reasonCode(PacketType.Connack, reasonCode);
  if (sessionPresent && reasonCode !== 0) {
    throw writer.fail("INVALID_FIELD", "sessionPresent", sessionPresent, "must be false if the connection is refused");
  }
  requireMethod(writer, writeProperties(writer, PacketType.Connack, packet.properties));
  writer.close();
}
