// SPDX-License-Identifier: Apache-2.0
import { PacketType } from "./packet-type.js";
import * as ack from "./packets/ack.js";
import * as auth from "./packets/auth.js";
import * as connack from "./packets/connack.js";
import * as connect from "./packets/connect.js";
import * as disconnect from "./packets/disconnect.js";
import * as ping from "./packets/ping.js";
import * as publish from "./packets/publish.js";
import * as suback from "./packets/suback.js";
import * as subscribe from "./packets/subscribe.js";
import * as unsubscribe from "./packets/unsubscribe.js";
import { Writer } from "./writer.js";

/** Any of the fifteen packets, as they are given to {@link encode}. */
export type Packet =
  | connect.ConnectPacket
  | connack.ConnackPacket
  | publish.PublishPacket
  | ack.PubackPacket
  | ack.PubrecPacket
  | ack.PubrelPacket
  | ack.PubcompPacket
  | subscribe.SubscribePacket
  | suback.SubackPacket
  | unsubscribe.UnsubscribePacket
  | suback.UnsubackPacket
  | ping.PingreqPacket
  | ping.PingrespPacket
  | disconnect.DisconnectPacket
  | auth.AuthPacket;

/** A payload larger than this goes into the result of `encode` directly. */
const largePayload = 16_384;

const scratch = /* @__PURE__ */ new Writer();

/**
 * The bytes of a packet, in memory of their own and of exact size.
 *
 * @throws {EncodeError} if a field is not what the standard allows.
 */
export function encode(packet: Packet): Uint8Array {
  if (packet.type !== PacketType.Publish || !(packet.payload?.length > largePayload)) {
    encodeInto(scratch, packet);
    return scratch.copy();
  }
  encodePublishHeader(scratch, packet);
  const header = scratch.copy();
  const bytes = new Uint8Array(header.length + packet.payload.length);
  bytes.set(header);
  bytes.set(packet.payload, header.length);
  return bytes;
}

/**
 * Puts the bytes of a packet into a writer.
 *
 * @throws {EncodeError} if a field is not what the standard allows; the writer is then as it was.
 */
export function encodeInto(writer: Writer, packet: Packet): void {
  writer.begin(packet.type);
  if (packet.type === PacketType.Publish) publish.write(writer, packet);
  else writePacket(writer, packet);
  writer.commit();
}

/**
 * Puts all of a PUBLISH into a writer but the bytes of its payload, which have to follow on the link. `payload.length` is
 * counted: for payloads that are to be sent without being copied.
 *
 * @throws {EncodeError} if a field is not what the standard allows; the writer is then as it was.
 */
export function encodePublishHeader(writer: Writer, packet: publish.PublishPacket): void {
  writer.begin(PacketType.Publish);
  publish.writeHeader(writer, packet);
  writer.commit();
}

function writePacket(writer: Writer, packet: Exclude<Packet, publish.PublishPacket>): void {
  switch (packet.type) {
    case PacketType.Puback:
    case PacketType.Pubrec:
    case PacketType.Pubrel:
    case PacketType.Pubcomp:
      return ack.write(writer, packet);
    case PacketType.Connect:
      return connect.write(writer, packet);
    case PacketType.Connack:
      return connack.write(writer, packet);
    case PacketType.Subscribe:
      return subscribe.write(writer, packet);
    case PacketType.Suback:
    case PacketType.Unsuback:
      return suback.write(writer, packet);
    case PacketType.Unsubscribe:
      return unsubscribe.write(writer, packet);
    case PacketType.Pingreq:
    case PacketType.Pingresp:
      return ping.write(writer, packet);
    case PacketType.Disconnect:
      return disconnect.write(writer, packet);
    case PacketType.Auth:
      return auth.write(writer, packet);
    default:
      throw writer.fail("INVALID_FIELD", "type", (packet as { type: unknown }).type, "must be 1 to 15");
  }
}
