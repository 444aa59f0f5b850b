// SPDX-License-Identifier: Apache-2.0
import { checkMethod, requireMethod } from "../authentication.js";
import { PacketType, type QoS } from "../packet-type.js";
import type { Properties } from "../properties.js";
import { WillContext } from "../property.js";
import type { ConnectProperties, WillProperties } from "../property-values.js";
import { readProperties } from "../read-properties.js";
import type { Reader } from "../reader.js";
import { writeProperties } from "../write-properties.js";
import { isWhole, type Writer } from "../writer.js";

/** The first packet of a connection. Section 3.1. */
export interface ConnectPacket {
  readonly type: typeof PacketType.Connect;
  /** Empty: the server is to choose one. */
  readonly clientId: string;
  readonly cleanStart: boolean;
  /** Seconds, 0 to 65,535; 0 turns it off. */
  readonly keepAlive: number;
  readonly will?: Will | undefined;
  /** An empty name is a name; so it is with the password. */
  readonly username?: string | undefined;
  readonly password?: Uint8Array | undefined;
  readonly properties?: ConnectProperties | undefined;
}

/** What the server publishes if the connection ends without a goodbye. Section 3.1.2.5. */
export interface Will {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly properties?: WillProperties | undefined;
}

/** A received {@link ConnectPacket}. */
export interface DecodedConnect extends ConnectPacket {
  readonly will: DecodedWill | undefined;
  readonly properties: Properties;
}

/** A received {@link Will}. */
export interface DecodedWill extends Will {
  readonly properties: Properties;
}

const protocolName = 0x4d515454; // "MQTT"
const protocolVersion = 5;

// The Connect Flags. Section 3.1.2.3.
const flag = {
  username: 0x80,
  password: 0x40,
  willRetain: 0x20,
  will: 0x04,
  cleanStart: 0x02,
  reserved: 0x01,
} as const;
const willQosShift = 3;

export function read(reader: Reader): DecodedConnect {
  if (reader.u16() !== 4 || reader.u32() !== protocolName) throw reader.error(0x84, "the protocol is not MQTT"); // [MQTT-3.1.2-1]
  const version = reader.u8();
  if (version !== protocolVersion) throw reader.error(0x84, `the protocol version is ${version}`); // [MQTT-3.1.2-2]
  const flags = reader.u8();
  if ((flags & flag.reserved) !== 0) throw reader.malformed("the reserved Connect Flag is set"); // [MQTT-3.1.2-3]
  const keepAlive = reader.u16();
  const properties = readProperties(reader, PacketType.Connect);
  checkMethod(reader, properties);
  const clientId = reader.text(); // [MQTT-3.1.3-3]
  const will = readWill(reader, flags);
  const username = (flags & flag.username) === 0 ? undefined : reader.text();
  const password = (flags & flag.password) === 0 ? undefined : reader.binary();
  reader.finish();
  const cleanStart = (flags & flag.cleanStart) !== 0;
  return { type: PacketType.Connect, clientId, cleanStart, keepAlive, will, username, password, properties };
}

function readWill(reader: Reader, flags: number): DecodedWill | undefined {
  const qos = (flags >> willQosShift) & 3;
  const retain = (flags & flag.willRetain) !== 0;
  if ((flags & flag.will) === 0) {
    if (qos !== 0 || retain) throw reader.malformed("there is a Will QoS or Will Retain without a Will"); // [MQTT-3.1.2-11] [MQTT-3.1.2-13]
    return undefined;
  }
  if (qos === 3) throw reader.malformed("the Will QoS is 3"); // [MQTT-3.1.2-12]
  const properties = readProperties(reader, WillContext);
  const topic = reader.topic();
  const payload = reader.binary();
  return { topic, payload, qos: qos as QoS, retain, properties };
}

export function write(writer: Writer, packet: ConnectPacket): void {
  const { will, username, password, keepAlive } = packet;
  if (!isWhole(keepAlive, 0, 0xffff)) throw writer.fail("INVALID_FIELD", "keepAlive", keepAlive, "must be 0 to 65535");
  if (will !== undefined) writer.checkObject("will", will);
  let flags = 0;
  if (username !== undefined) flags |= flag.username;
  if (password !== undefined) flags |= flag.password;
  if (packet.cleanStart) flags |= flag.cleanStart;
  if (will !== undefined) flags |= flag.will | (will.qos << willQosShift) | (will.retain ? flag.willRetain : 0);
  writer.open(PacketType.Connect, 0);
  writer.u16(4);
  writer.u32(protocolName);
  writer.u8(protocolVersion);
  writer.u8(flags);
  writer.u16(keepAlive);
  requireMethod(writer, writeProperties(writer, PacketType.Connect, packet.properties));
  writer.text("clientId", packet.clientId);
  if (will !== undefined) writeWill(writer, will);
  if (username !== undefined) writer.text("username", username);
  if (password !== undefined) writer.binary("password", password);
  writer.close();
}

function writeWill(writer: Writer, will: Will): void {
  writer.path = "will.";
  writer.checkQos(will.qos);
  writeProperties(writer, WillContext, will.properties, "will.properties.");
  writer.topic("topic", will.topic); // [MQTT-3.1.3-11]
  writer.binary("payload", will.payload);
  writer.path = "";
}
