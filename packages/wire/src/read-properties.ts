// SPDX-License-Identifier: Apache-2.0
import { packetName, type PacketType } from "./packet-type.js";
import { Properties } from "./properties.js";
import {
  allowedIn,
  bitOf,
  Kind,
  kindOf,
  positiveOf,
  Property,
  propertyRules,
  repeatableIn,
  WillContext,
} from "./property.js";
import type { Reader } from "./reader.js";

/**
 * Checks the properties of a packet and moves behind them. Everything the standard says of one property is decided here
 * and by the table: whether the packet may carry it, how often, and its value. What was found is left in the reader.
 */
export function skipProperties(reader: Reader, context: PacketType | typeof WillContext): void {
  const length = reader.varint();
  const packetEnd = reader.end;
  const start = reader.skip(length);
  const end = reader.position;
  const where = 1 << context;
  let present = 0;
  reader.propertiesStart = start;
  reader.position = start;
  reader.end = end; // so that no property reaches beyond
  while (reader.position < end) {
    const id = reader.u8();
    if (((allowedIn[id] as number) & where) === 0)
      throw reader.malformed(`property ${id} is not allowed in ${place(context)}`);
    const bit = bitOf[id] as number;
    if ((present & bit) !== 0 && ((repeatableIn[id] as number) & where) === 0) {
      throw reader.forbidden(`${nameOf(id)} is there twice`);
    }
    present |= bit;
    skipValue(reader, id);
  }
  reader.end = packetEnd;
  reader.present = present;
}

/** The same, and the properties as a view. */
export function readProperties(reader: Reader, context: PacketType | typeof WillContext): Properties {
  skipProperties(reader, context);
  const start = reader.propertiesStart;
  return new Properties(reader.bytes, start, reader.position - start, 1 << context, reader.present);
}

/** No properties, of a packet that left even their length out. */
export function noProperties(reader: Reader, context: PacketType): Properties {
  return new Properties(reader.bytes, reader.end, 0, 1 << context, 0);
}

function skipValue(reader: Reader, id: number): void {
  let value = 1;
  switch (kindOf[id]) {
    case Kind.Pair:
      reader.skipText();
      reader.skipText();
      return;
    case Kind.Text:
      reader.skipText();
      return;
    case Kind.Topic:
      if (reader.skipTopic() === reader.position) throw reader.forbidden(`${nameOf(id)} is empty`);
      return;
    case Kind.Binary:
      reader.skip(reader.u16());
      return;
    case Kind.Bit:
    case Kind.Flag:
      if (reader.u8() > 1) throw reader.forbidden(`${nameOf(id)} is neither 0 nor 1`);
      return;
    case Kind.U16:
      value = reader.u16();
      if (id === Property.TopicAlias) reader.topicAlias = value;
      break;
    case Kind.U32:
      value = reader.u32();
      break;
    default:
      value = reader.varint();
  }
  if (value === 0 && positiveOf[id] === 1) {
    throw reader.error(id === Property.TopicAlias ? 0x94 : 0x82, `${nameOf(id)} is 0`);
  }
}

function place(context: PacketType | typeof WillContext): string {
  return context === WillContext ? "a Will" : packetName(context);
}

function nameOf(id: number): string {
  return propertyRules.find((rule) => rule.id === id)?.name ?? `property ${id}`;
}
