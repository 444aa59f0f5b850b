// SPDX-License-Identifier: Apache-2.0
import { packetSet, PacketType, type Sender } from "./packet-type.js";

/** The reason codes of MQTT 5. Values below 0x80 say success. Section 2.4. */
export const ReasonCode = {
  Success: 0,
  NormalDisconnection: 0,
  GrantedQoS0: 0,
  GrantedQoS1: 1,
  GrantedQoS2: 2,
  DisconnectWithWillMessage: 4,
  NoMatchingSubscribers: 0x10,
  NoSubscriptionExisted: 0x11,
  ContinueAuthentication: 0x18,
  ReAuthenticate: 0x19,
  UnspecifiedError: 0x80,
  MalformedPacket: 0x81,
  ProtocolError: 0x82,
  ImplementationSpecificError: 0x83,
  UnsupportedProtocolVersion: 0x84,
  ClientIdentifierNotValid: 0x85,
  BadUserNameOrPassword: 0x86,
  NotAuthorized: 0x87,
  ServerUnavailable: 0x88,
  ServerBusy: 0x89,
  Banned: 0x8a,
  ServerShuttingDown: 0x8b,
  BadAuthenticationMethod: 0x8c,
  KeepAliveTimeout: 0x8d,
  SessionTakenOver: 0x8e,
  TopicFilterInvalid: 0x8f,
  TopicNameInvalid: 0x90,
  PacketIdentifierInUse: 0x91,
  PacketIdentifierNotFound: 0x92,
  ReceiveMaximumExceeded: 0x93,
  TopicAliasInvalid: 0x94,
  PacketTooLarge: 0x95,
  MessageRateTooHigh: 0x96,
  QuotaExceeded: 0x97,
  AdministrativeAction: 0x98,
  PayloadFormatInvalid: 0x99,
  RetainNotSupported: 0x9a,
  QoSNotSupported: 0x9b,
  UseAnotherServer: 0x9c,
  ServerMoved: 0x9d,
  SharedSubscriptionsNotSupported: 0x9e,
  ConnectionRateExceeded: 0x9f,
  MaximumConnectTime: 0xa0,
  SubscriptionIdentifiersNotSupported: 0xa1,
  WildcardSubscriptionsNotSupported: 0xa2,
} as const;

/** The number of a reason code. */
export type ReasonCode = (typeof ReasonCode)[keyof typeof ReasonCode];

type Packets = readonly PacketType[];
/** A code, its name, the packets in which a server may send it, the packets in which a client may. */
type Row = readonly [code: number, name: string, server: Packets, client: Packets];

/** Table 2-6 of the standard with the tables of each packet (3-1 to 3-11). */
const rows: readonly Row[] = /* @__PURE__ */ table();

function table(): readonly Row[] {
  const { Connack, Puback, Pubrec, Pubrel, Pubcomp, Suback, Unsuback, Disconnect, Auth } = PacketType;
  const publishAcks = [Puback, Pubrec];
  const releases = [Pubrel, Pubcomp];
  return [
    [
      0x00,
      "Success",
      [Connack, ...publishAcks, ...releases, Suback, Unsuback, Disconnect, Auth],
      [...publishAcks, ...releases, Disconnect],
    ],
    [0x01, "Granted QoS 1", [Suback], []],
    [0x02, "Granted QoS 2", [Suback], []],
    [0x04, "Disconnect with Will Message", [], [Disconnect]],
    [0x10, "No matching subscribers", publishAcks, []],
    [0x11, "No subscription existed", [Unsuback], []],
    [0x18, "Continue authentication", [Auth], [Auth]],
    [0x19, "Re-authenticate", [], [Auth]],
    [0x80, "Unspecified error", [Connack, ...publishAcks, Suback, Unsuback, Disconnect], [...publishAcks, Disconnect]],
    [0x81, "Malformed Packet", [Connack, Disconnect], [Disconnect]],
    [0x82, "Protocol Error", [Connack, Disconnect], [Disconnect]],
    [
      0x83,
      "Implementation specific error",
      [Connack, ...publishAcks, Suback, Unsuback, Disconnect],
      [...publishAcks, Disconnect],
    ],
    [0x84, "Unsupported Protocol Version", [Connack], []],
    [0x85, "Client Identifier not valid", [Connack], []],
    [0x86, "Bad User Name or Password", [Connack], []],
    [0x87, "Not authorized", [Connack, ...publishAcks, Suback, Unsuback, Disconnect], publishAcks],
    [0x88, "Server unavailable", [Connack], []],
    [0x89, "Server busy", [Connack, Disconnect], []],
    [0x8a, "Banned", [Connack], []],
    [0x8b, "Server shutting down", [Disconnect], []],
    // Table 2-6 lists 0x8C for DISCONNECT without naming the sender, table 3-10 leaves it out.
    [0x8c, "Bad authentication method", [Connack, Disconnect], [Disconnect]],
    [0x8d, "Keep Alive timeout", [Disconnect], []],
    [0x8e, "Session taken over", [Disconnect], []],
    [0x8f, "Topic Filter invalid", [Suback, Unsuback, Disconnect], []],
    [0x90, "Topic Name invalid", [Connack, ...publishAcks, Disconnect], [...publishAcks, Disconnect]],
    [0x91, "Packet Identifier in use", [...publishAcks, Suback, Unsuback], publishAcks],
    [0x92, "Packet Identifier not found", releases, releases],
    [0x93, "Receive Maximum exceeded", [Disconnect], [Disconnect]],
    [0x94, "Topic Alias invalid", [Disconnect], [Disconnect]],
    [0x95, "Packet too large", [Connack, Disconnect], [Disconnect]],
    [0x96, "Message rate too high", [Disconnect], [Disconnect]],
    [0x97, "Quota exceeded", [Connack, ...publishAcks, Suback, Disconnect], [...publishAcks, Disconnect]],
    [0x98, "Administrative action", [Disconnect], [Disconnect]],
    [0x99, "Payload format invalid", [Connack, ...publishAcks, Disconnect], [...publishAcks, Disconnect]],
    [0x9a, "Retain not supported", [Connack, Disconnect], []],
    // Table 3-10 gives 0x9B to the server alone, section 3.3.4 tells a client to send it on a PUBLISH above Maximum QoS.
    [0x9b, "QoS not supported", [Connack, Disconnect], [Disconnect]],
    [0x9c, "Use another server", [Connack, Disconnect], []],
    [0x9d, "Server moved", [Connack, Disconnect], []],
    [0x9e, "Shared Subscriptions not supported", [Suback, Disconnect], []],
    [0x9f, "Connection rate exceeded", [Connack, Disconnect], []],
    [0xa0, "Maximum connect time", [Disconnect], []],
    [0xa1, "Subscription Identifiers not supported", [Suback, Disconnect], []],
    [0xa2, "Wildcard Subscriptions not supported", [Suback, Disconnect], []],
  ];
}

const names: ReadonlyMap<number, string> = /* @__PURE__ */ namesOf(rows);
const fromServer = /* @__PURE__ */ packetBits((row) => row[2]);
const fromClient = /* @__PURE__ */ packetBits((row) => row[3]);

function namesOf(rows: readonly Row[]): ReadonlyMap<number, string> {
  return new Map(rows.map(([code, name]) => [code, name]));
}

/** Per code one bit for each packet type that may carry it. */
function packetBits(packets: (row: Row) => Packets): Uint16Array {
  const bits = new Uint16Array(256);
  for (const row of rows) bits[row[0]] = packetSet(packets(row));
  return bits;
}

/** The standard's name of a reason code: `"Not authorized"`; its number in hex if it has none. */
export function reasonName(code: number): string {
  return names.get(code) ?? `reason code 0x${code.toString(16).padStart(2, "0")}`;
}

/**
 * Whether a packet of this type may carry the reason code; with `sender`, whether that side may send it there.
 * Sections 3.2.2.2, 3.4.2.1 and their like.
 */
export function isReasonCodeOf(type: PacketType, code: number, sender?: Sender): boolean {
  let bits = 0;
  if (sender !== "client") bits |= fromServer[code] ?? 0;
  if (sender !== "server") bits |= fromClient[code] ?? 0;
  return (bits & (1 << type)) !== 0;
}
