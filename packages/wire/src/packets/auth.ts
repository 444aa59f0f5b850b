// SPDX-License-Identifier: Apache-2.0
import { missingMethod } from "../authentication.js";
import { PacketType } from "../packet-type.js";
import type { Properties } from "../properties.js";
import { bit } from "../property.js";
import type { AuthProperties } from "../property-values.js";
import { noProperties, readProperties } from "../read-properties.js";
import type { Reader } from "../reader.js";
import { writeProperties } from "../write-properties.js";
import type { Writer } from "../writer.js";

/** A step of enhanced authentication. Sections 3.15 and 4.12. */
export interface AuthPacket {
  readonly type: typeof PacketType.Auth;
  readonly reasonCode: number;
  /** With an `authenticationMethod`: the standard has no AUTH without one. */
  readonly properties?: AuthProperties | undefined;
}

/** A received {@link AuthPacket}. */
export interface DecodedAuth extends AuthPacket {
  readonly properties: Properties;
}

const methodBit = /* @__PURE__ */ bit("AuthenticationMethod");

export function read(reader: Reader): DecodedAuth {
  const short = !reader.more; // says Success without properties, and so without the method
  const reasonCode = short ? 0 : reader.reasonCode(); // [MQTT-3.15.2-1]
  const properties = short ? noProperties(PacketType.Auth) : readProperties(reader, PacketType.Auth);
  if ((properties.present & methodBit) === 0) throw reader.forbidden("there is no Authentication Method");
  reader.finish();
  return { type: PacketType.Auth, reasonCode, properties };
}

export function write(writer: Writer, packet: AuthPacket): void {
  writer.open(PacketType.Auth, 0);
  writer.reasonCode(PacketType.Auth, packet.reasonCode);
  const present = writeProperties(writer, PacketType.Auth, packet.properties);
  if ((present & methodBit) === 0) throw missingMethod(writer);
  writer.close();
}
