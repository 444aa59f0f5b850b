// SPDX-License-Identifier: Apache-2.0
import { type DisconnectPacket, encode, isReasonCodeOf, PacketType, ReasonCode, type UserProperty } from "@mqttv5/wire";
import { fromEncodeError, integer, invalid } from "./check.js";
import { InvalidArgumentError } from "./errors.js";

/** What to tell the broker at the end (section 3.14). */
export interface DisconnectOptions {
  /** Default 0x00. 0x04 has the broker publish the Will. */
  readonly reasonCode?: number | undefined;
  /** Why, in words, for the broker's log; left out where it would make the packet too large for the broker. */
  readonly reasonString?: string | undefined;
  /** Seconds; replaces what CONNECT said. Can't be set if that was 0. */
  readonly sessionExpiryInterval?: number | undefined;
  /** Name and value pairs; left out as `reasonString` is. */
  readonly userProperties?: readonly UserProperty[] | undefined;
}

/** The DISCONNECT for a call, checked; `asked` is the Session Expiry Interval of CONNECT. */
export function disconnectPacket(options: DisconnectOptions, asked: number): DisconnectPacket {
  if (typeof options !== "object" || options === null) throw invalid("options", options, "must be an object");
  const { reasonCode = ReasonCode.NormalDisconnection, reasonString, sessionExpiryInterval, userProperties } = options;
  if (!Number.isInteger(reasonCode) || !isReasonCodeOf(PacketType.Disconnect, reasonCode, "client")) {
    throw invalid("reasonCode", reasonCode, "must be a Reason Code that a client may send in DISCONNECT"); // [MQTT-3.14.2-1]
  }
  if (sessionExpiryInterval !== undefined) {
    integer("sessionExpiryInterval", sessionExpiryInterval, 0, 4_294_967_295);
    if (asked === 0 && sessionExpiryInterval > 0) {
      const limit = "must be 0 or absent: the session was opened to end with its connection";
      throw new InvalidArgumentError("INVALID_SESSION_EXPIRY", "sessionExpiryInterval", sessionExpiryInterval, limit);
    }
  }
  const packet: DisconnectPacket = {
    type: PacketType.Disconnect,
    reasonCode,
    properties: { reasonString, sessionExpiryInterval, userProperties },
  };
  try {
    encode(packet);
  } catch (error) {
    throw fromEncodeError(error);
  }
  return packet;
}
