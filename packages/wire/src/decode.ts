// SPDX-License-Identifier: Apache-2.0
import { DecodeError } from "./errors.js";
import { packetSet, PacketType, type Sender } from "./packet-type.js";
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
import { Reader } from "./reader.js";
import { varintSize } from "./writer.js";

/** How strict decoding is. */
export interface DecodeOptions {
  /** Who sent the bytes: what only the other side may send is then an error. By default both sides' packets are accepted. */
  readonly sender?: Sender | undefined;
  /**
   * Accept the two deviations that are known and harmless: a Remaining Length longer than it need be, and reserved flags of
   * PINGRESP. Each is reported here, while the packet is being read: the function must not decode. By default both are errors.
   */
  readonly lenient?: ((violation: DecodeError) => void) | undefined;
}

/** What {@link decode} gives: a packet whose `properties` are a view of the bytes, and for PUBLISH the class {@link Publish}. */
export type DecodedPacket =
  | connect.DecodedConnect
  | connack.DecodedConnack
  | publish.Publish
  | ack.DecodedAck<typeof PacketType.Puback>
  | ack.DecodedAck<typeof PacketType.Pubrec>
  | ack.DecodedAck<typeof PacketType.Pubrel>
  | ack.DecodedAck<typeof PacketType.Pubcomp>
  | subscribe.DecodedSubscribe
  | suback.DecodedSuback
  | unsubscribe.DecodedUnsubscribe
  | suback.DecodedUnsuback
  | ping.PingreqPacket
  | ping.PingrespPacket
  | disconnect.DecodedDisconnect
  | auth.DecodedAuth;

/** The types that only one side may send, one bit each. Section 2.1.2. */
const fromClientOnly = /* @__PURE__ */ setOf("Connect", "Subscribe", "Unsubscribe", "Pingreq");
const fromServerOnly = /* @__PURE__ */ setOf("Connack", "Suback", "Unsuback", "Pingresp");

function setOf(...names: (keyof typeof PacketType)[]): number {
  return packetSet(names.map((name) => PacketType[name]));
}

const reader = /* @__PURE__ */ new Reader();

/**
 * Reads one whole packet, from `start` to `end` of `bytes`, as a {@link Framer} finds them. Everything the standard says
 * of a single packet is checked. The packet is a view: `bytes` must not change while it is in use.
 *
 * @throws {DecodeError} with the reason code to close the connection with.
 */
export function decode(
  bytes: Uint8Array,
  start: number = 0,
  end: number = bytes.length,
  options?: DecodeOptions,
): DecodedPacket {
  reader.open(bytes, start, end, options?.sender);
  if (!isPublish(start, end)) readFixedHeader(options?.lenient);
  const packet = reader.type === PacketType.Publish ? publish.read(reader) : readPacket();
  reader.close();
  return packet;
}

/**
 * Whether a short fixed header of PUBLISH is at `start`; then it is read. How long the packet is says what it has to be, so that
 * to look is enough.
 */
function isPublish(start: number, end: number): boolean {
  const { view } = reader;
  const length = end - start - 3;
  if (length < 0x80 || length > 0x3fff) return false;
  const first = view.getUint8(start);
  if (first >> 4 !== PacketType.Publish) return false;
  if (view.getUint8(start + 1) !== ((length & 0x7f) | 0x80) || view.getUint8(start + 2) !== length >> 7) return false;
  reader.type = PacketType.Publish;
  reader.flags = first & 0x0f;
  reader.position = start + 3;
  return true;
}

function readFixedHeader(lenient: DecodeOptions["lenient"]): void {
  reader.type = 0;
  const first = reader.u8();
  const type = first >> 4;
  reader.type = type;
  reader.flags = first & 0x0f;
  const length = lenient === undefined ? reader.varint() : readLenientLength(lenient);
  if (length !== reader.end - reader.position) {
    throw reader.malformed(`its Remaining Length is ${length}, but ${reader.end - reader.position} bytes follow`);
  }
  if (type !== PacketType.Publish) checkFixedHeader(type, reader.flags, lenient);
}

function checkFixedHeader(type: number, flags: number, lenient: DecodeOptions["lenient"]): void {
  const foreign = reader.sender === "server" ? fromClientOnly : reader.sender === "client" ? fromServerOnly : 0;
  if ((foreign & (1 << type)) !== 0) throw reader.forbidden(`a ${reader.sender} sent it`);
  const expected =
    type === PacketType.Pubrel || type === PacketType.Subscribe || type === PacketType.Unsubscribe ? 2 : 0;
  if (flags === expected) return;
  const error = new DecodeError(0x81, type, `its flags are ${flags} instead of ${expected}`); // [MQTT-2.1.3-1]
  if (type !== PacketType.Pingresp || lenient === undefined) throw error;
  lenient(error);
}

function readLenientLength(lenient: (violation: DecodeError) => void): number {
  const from = reader.position;
  const length = reader.varint(false);
  if (reader.position - from !== varintSize(length)) {
    lenient(new DecodeError(0x81, reader.type, "its Remaining Length is longer than its value needs"));
  }
  return length;
}

function readPacket(): DecodedPacket {
  switch (reader.type as PacketType) {
    case PacketType.Puback:
      return ack.read(reader, PacketType.Puback);
    case PacketType.Pubrec:
      return ack.read(reader, PacketType.Pubrec);
    case PacketType.Pubrel:
      return ack.read(reader, PacketType.Pubrel);
    case PacketType.Pubcomp:
      return ack.read(reader, PacketType.Pubcomp);
    case PacketType.Connect:
      return connect.read(reader);
    case PacketType.Connack:
      return connack.read(reader);
    case PacketType.Subscribe:
      return subscribe.read(reader);
    case PacketType.Suback:
      return suback.read(reader, PacketType.Suback);
    case PacketType.Unsubscribe:
      return unsubscribe.read(reader);
    case PacketType.Unsuback:
      return suback.read(reader, PacketType.Unsuback);
    case PacketType.Pingreq:
      return ping.read(reader, PacketType.Pingreq);
    case PacketType.Pingresp:
      return ping.read(reader, PacketType.Pingresp);
    case PacketType.Disconnect:
      return disconnect.read(reader);
    case PacketType.Auth:
      return auth.read(reader);
    default:
      throw reader.malformed("there is no such packet type");
  }
}
