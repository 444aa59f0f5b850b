// SPDX-License-Identifier: Apache-2.0
import { decode } from "./decode.js";
import { EncodeError } from "./errors.js";
import { PacketType } from "./packet-type.js";
import { Publish } from "./packets/publish.js";
import { Property } from "./property.js";
import { isWhole } from "./writer.js";

// Changes to an encoded PUBLISH that leave its length as it is: what waits in a store is not decoded and encoded again.

/**
 * A copy of an encoded PUBLISH with another Message Expiry Interval. [parity 25]
 *
 * @param seconds 0 to 0xFFFFFFFF.
 * @throws {EncodeError} INVALID_FIELD if the packet has no Message Expiry Interval, or the seconds are out of range.
 * @throws {DecodeError} if the bytes are no packet.
 */
export function withMessageExpiry(frame: Uint8Array, seconds: number): Uint8Array {
  const field = "properties.messageExpiryInterval";
  const at = publishOf(frame).properties.offsetOf(Property.MessageExpiryInterval);
  if (at < 0)
    throw new EncodeError("INVALID_FIELD", PacketType.Publish, field, undefined, "must be in the packet already");
  if (!isWhole(seconds, 0, 0xffff_ffff)) {
    throw new EncodeError("INVALID_FIELD", PacketType.Publish, field, seconds, "must be 0 to 4294967295");
  }
  const copy = copyOf(frame);
  new DataView(copy.buffer).setUint32(at, seconds);
  return copy;
}

/**
 * A copy of an encoded QoS 1 or 2 PUBLISH with its DUP flag set, as it has to be when it is sent again. [MQTT-3.3.1-1]
 *
 * @throws {EncodeError} INVALID_FIELD at QoS 0.
 * @throws {DecodeError} if the bytes are no packet.
 */
export function withDuplicate(frame: Uint8Array): Uint8Array {
  if (publishOf(frame).qos === 0) {
    throw new EncodeError("INVALID_FIELD", PacketType.Publish, "duplicate", true, "must be false at QoS 0"); // [MQTT-3.3.1-2]
  }
  const copy = copyOf(frame);
  copy[0] = (copy[0] as number) | 0x08;
  return copy;
}

function publishOf(frame: Uint8Array): Publish {
  const packet = decode(frame);
  if (packet instanceof Publish) return packet;
  throw new EncodeError("INVALID_FIELD", packet.type, "type", packet.type, "must be PUBLISH");
}

/** A plain Uint8Array even of a Buffer, whose own `slice` would not copy. */
function copyOf(frame: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(frame);
}
