// SPDX-License-Identifier: Apache-2.0
import { PacketType, type QoS } from "../packet-type.js";
import type { Properties } from "../properties.js";
import type { SubscribeProperties } from "../property-values.js";
import { readProperties } from "../read-properties.js";
import type { Reader } from "../reader.js";
import { parseSharedFilter } from "../topic.js";
import { writeProperties } from "../write-properties.js";
import type { Writer } from "../writer.js";

/** When retained messages are sent: 0 at each subscribe, 1 if the subscription is new, 2 never. Section 3.8.3.1. */
export type RetainHandling = 0 | 1 | 2;

/** Asks for messages. Section 3.8. */
export interface SubscribePacket {
  readonly type: typeof PacketType.Subscribe;
  /** 1 to 65,535. */
  readonly packetId: number;
  /** At least one. */
  readonly subscriptions: readonly SubscribeFilter[];
  readonly properties?: SubscribeProperties | undefined;
}

/** A Topic Filter with its Subscription Options. Section 3.8.3.1. */
export interface SubscribeFilter {
  readonly filter: string;
  /** The most the server may use for it. */
  readonly qos: QoS;
  /** Don't send back what this client published; not for shared filters. */
  readonly noLocal: boolean;
  /** Keep the RETAIN flag of forwarded messages as it was published. */
  readonly retainAsPublished: boolean;
  readonly retainHandling: RetainHandling;
}

/** A received {@link SubscribePacket}. */
export interface DecodedSubscribe extends SubscribePacket {
  readonly properties: Properties;
}

// The Subscription Options.
const option = { noLocal: 0x04, retainAsPublished: 0x08, reserved: 0xc0 } as const;
const retainHandlingShift = 4;

export function read(reader: Reader): DecodedSubscribe {
  const packetId = reader.packetId();
  const properties = readProperties(reader, PacketType.Subscribe);
  const subscriptions: SubscribeFilter[] = [];
  do subscriptions.push(readFilter(reader));
  while (reader.more);
  return { type: PacketType.Subscribe, packetId, subscriptions, properties };
}

function readFilter(reader: Reader): SubscribeFilter {
  const filter = reader.filter();
  const options = reader.u8();
  const qos = options & 3;
  const retainHandling = (options >> retainHandlingShift) & 3;
  const noLocal = (options & option.noLocal) !== 0;
  if ((options & option.reserved) !== 0) throw reader.malformed("a reserved Subscription Option is set"); // [MQTT-3.8.3-5]
  if (qos === 3) throw reader.forbidden("the maximum QoS of a subscription is 3");
  if (retainHandling === 3) throw reader.forbidden("the Retain Handling of a subscription is 3");
  if (noLocal && parseSharedFilter(filter) !== undefined)
    throw reader.forbidden("No Local is set on a shared subscription"); // [MQTT-3.8.3-4]
  return {
    filter,
    qos: qos as QoS,
    noLocal,
    retainAsPublished: (options & option.retainAsPublished) !== 0,
    retainHandling: retainHandling as RetainHandling,
  };
}

export function write(writer: Writer, packet: SubscribePacket): void {
  const { subscriptions } = packet;
  writer.open(PacketType.Subscribe, 2); // [MQTT-3.8.1-1]
  writer.packetId(packet.packetId);
  writeProperties(writer, PacketType.Subscribe, packet.properties);
  writer.checkList("subscriptions", subscriptions); // [MQTT-3.8.3-2]
  subscriptions.forEach((subscription, index) => {
    writer.checkObject(`subscriptions[${index}]`, subscription);
    writer.path = `subscriptions[${index}].`;
    writeFilter(writer, subscription);
    writer.path = "";
  });
  writer.close();
}

function writeFilter(writer: Writer, subscription: SubscribeFilter): void {
  const { filter, qos, noLocal, retainAsPublished, retainHandling } = subscription;
  writer.filter("filter", filter);
  writer.checkQos(qos);
  if (retainHandling !== 0 && retainHandling !== 1 && retainHandling !== 2) {
    throw writer.fail("INVALID_FIELD", "retainHandling", retainHandling, "must be 0, 1 or 2");
  }
  if (noLocal && parseSharedFilter(filter) !== undefined) {
    throw writer.fail("INVALID_FIELD", "noLocal", noLocal, "must be false on a shared subscription"); // [MQTT-3.8.3-4]
  }
  writer.u8(
    qos |
      (noLocal ? option.noLocal : 0) |
      (retainAsPublished ? option.retainAsPublished : 0) |
      (retainHandling << retainHandlingShift),
  );
}
