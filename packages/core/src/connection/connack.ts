// SPDX-License-Identifier: Apache-2.0
import { type ConnackPacket, type ConnectPacket, ReasonCode, reasonName } from "@mqttv5/wire";
import { ProtocolError, ReasonCodeError } from "../errors.js";
import { type Asked, type ServerInfo, serverInfo } from "../server-info.js";

/** The refusal that a CONNACK of 0x80 or above is (section 3.2.2.2). */
export function refusedConnect(packet: ConnackPacket): ReasonCodeError {
  const { reasonCode } = packet;
  const { reasonString, userProperties, serverReference } = packet.properties ?? {};
  const text = `The broker refused the connection: ${reasonName(reasonCode)} (0x${reasonCode.toString(16)})`;
  const reason = { packet: "CONNACK", reasonCode, reasonString, userProperties, serverReference };
  return new ReasonCodeError("CONNECT_REFUSED", text, reason, { delivery: "refused" });
}

/** What a good CONNACK grants. Throws a `ProtocolError` where it does not answer the CONNECT that was sent. */
export function grantedBy(packet: ConnackPacket, connect: ConnectPacket, asked: Asked): ServerInfo {
  if (packet.sessionPresent && connect.cleanStart) {
    throw violation("The broker claims a session after Clean Start"); // [MQTT-3.2.2-4]
  }
  const { assignedClientIdentifier, authenticationMethod } = packet.properties ?? {};
  if (connect.clientId === "" && assignedClientIdentifier === undefined) {
    throw violation("The broker assigned no Client Identifier"); // [MQTT-3.2.2-16]
  }
  if (authenticationMethod !== connect.properties?.authenticationMethod) {
    throw violation("The broker names another Authentication Method than CONNECT did"); // [MQTT-4.12.0-5, MQTT-4.12.0-6]
  }
  return serverInfo(packet, asked);
}

function violation(text: string): ProtocolError {
  return new ProtocolError(ReasonCode.ProtocolError, text);
}
