// SPDX-License-Identifier: Apache-2.0
import { DecodeError, type DisconnectPacket, encode, PacketType, ReasonCode, reasonName } from "@mqttv5/wire";
import { ProtocolError, ReasonCodeError } from "../errors.js";
import { STRIKES } from "../session/blame.js";

/** What either side says at the end of a connection, and why (sections 3.14 and 4.13). */

/** The broker's DISCONNECT as an error. */
export function serverDisconnected(packet: DisconnectPacket): ReasonCodeError {
  const { reasonCode } = packet;
  const { reasonString, userProperties, serverReference } = packet.properties ?? {};
  const text = `The broker disconnected: ${reasonName(reasonCode)} (0x${reasonCode.toString(16)})`;
  const reason = { packet: "DISCONNECT", reasonCode, reasonString, userProperties, serverReference };
  return new ReasonCodeError("SERVER_DISCONNECTED", text, reason);
}

/** An operation of ours that the broker answered so often with a DISCONNECT that blames us. */
export function rejectedByDisconnect(packet: DisconnectPacket): ReasonCodeError {
  const { reasonCode } = packet;
  const text = `The broker did not answer, and disconnected ${STRIKES} times: ${reasonName(reasonCode)} (0x${reasonCode.toString(16)})`;
  const reason = { packet: "DISCONNECT", reasonCode, reasonString: packet.properties?.reasonString };
  return new ReasonCodeError("REJECTED_BY_DISCONNECT", text, reason, { delivery: "refused" });
}

/** Whatever went wrong while reading, as an error with the Reason Code to close with. */
export function violation(error: unknown): ProtocolError {
  if (error instanceof ProtocolError) return error;
  if (error instanceof DecodeError) {
    return new ProtocolError(error.reasonCode, `The broker sent a bad packet: ${error.message}`, { cause: error });
  }
  const text = "A received packet could not be handled";
  return new ProtocolError(ReasonCode.ImplementationSpecificError, text, { cause: error });
}

/**
 * The broker's proof or challenge was not believed. The nearest code there is: 0x87 (Not authorized), which says it best, is for
 * servers only in DISCONNECT (table of section 3.14.2.1) [MQTT-3.14.2-1].
 */
export const NOT_BELIEVED: DisconnectPacket = {
  type: PacketType.Disconnect,
  reasonCode: ReasonCode.ImplementationSpecificError,
};

/** Without what would make a DISCONNECT too large for the broker [MQTT-3.14.2-3, MQTT-3.14.2-4]. */
export function fitting(packet: DisconnectPacket, maximumPacketSize: number): DisconnectPacket {
  if (maximumPacketSize === Infinity || encode(packet).length <= maximumPacketSize) return packet;
  const { sessionExpiryInterval } = packet.properties ?? {};
  return { type: packet.type, reasonCode: packet.reasonCode, properties: { sessionExpiryInterval } };
}
