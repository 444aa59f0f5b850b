// SPDX-License-Identifier: Apache-2.0
import { PacketType } from "../packet-type.js";
import type { Properties } from "../properties.js";
import { bit } from "../property.js";
import type { DisconnectProperties } from "../property-values.js";
import { noProperties, readProperties } from "../read-properties.js";
import type { Reader } from "../reader.js";
import type { Writer } from "../writer.js";
import { writeOutcome } from "./outcome.js";

/** The last packet of a connection, from either side. Section 3.14. */
export interface DisconnectPacket {
  readonly type: typeof PacketType.Disconnect;
  readonly reasonCode: number;
  readonly properties?: DisconnectProperties | undefined;
}

/** A received {@link DisconnectPacket}. */
export interface DecodedDisconnect extends DisconnectPacket {
  readonly properties: Properties;
}

const expiryBit = /* @__PURE__ */ bit("SessionExpiryInterval");
const referenceBit = /* @__PURE__ */ bit("ServerReference");

export function read(reader: Reader): DecodedDisconnect {
  const reasonCode = reader.more ? reader.reasonCode() : 0; // the two short forms: no code, no length of properties
  const properties = reader.more ? readProperties(reader, PacketType.Disconnect) : noProperties(PacketType.Disconnect);
  reader.finish();
  if (reader.sender === "server" && (properties.present & expiryBit) !== 0) {
    throw reader.forbidden("a server sent a Session Expiry Interval"); // [MQTT-3.14.2-2]
  }
  if (reader.sender === "client" && (properties.present & referenceBit) !== 0) {
    throw reader.forbidden("a client sent a Server Reference");
  }
  return { type: PacketType.Disconnect, reasonCode, properties };
}

export function write(writer: Writer, packet: DisconnectPacket): void {
  writer.open(PacketType.Disconnect, 0);
  writeOutcome(writer, PacketType.Disconnect, packet.reasonCode, packet.properties);
  writer.close();
}
