// SPDX-License-Identifier: Apache-2.0
import type { PacketType } from "./packet-type.js";
import { Properties } from "./properties.js";
import {
  allowedIn,
  bitOf,
  Kind,
  kindOf,
  nameOf,
  positiveOf,
  Property,
  repeatableIn,
  type WillContext,
} from "./property.js";
import type { Reader } from "./reader.js";
import { isText } from "./utf8.js";

const userPropertyBit = bitOf[Property.UserProperty] as number;

/**
 * Checks the properties of a packet and moves behind them. Everything the standard says of one property is decided here
 * and by the table: whether the packet may carry it, how often, and its value. What was found is left in the reader.
 */
export function skipProperties(reader: Reader, context: PacketType | typeof WillContext): void {
  const length = reader.varint();
  const start = reader.skip(length);
  reader.propertiesStart = start;
  reader.present = length === 0 ? 0 : skipAll(reader, start, start + length, 1 << context);
  reader.position = start + length;
}

function skipAll(reader: Reader, start: number, end: number, where: number): number {
  const { view } = reader;
  let present = 0;
  let p = start;
  while (p < end) {
    const id = view.getUint8(p);
    if (id === Property.UserProperty) {
      // The most frequent one by far: may stand in every packet that has properties, any number of times.
      p = skipPair(view, p + 1, end);
      if (p < 0) throw reader.malformed("a User Property is cut off, not UTF-8, or contains U+0000");
      present |= userPropertyBit;
    } else {
      present = skipOne(reader, p, end, where, present);
      p = reader.position;
    }
  }
  return present;
}

/** Checks a UTF-8 String Pair and returns where it ends; -1 if it is wrong. [MQTT-1.5.7-1] */
function skipPair(view: DataView, p: number, end: number): number {
  if (p + 4 > end) return -1;
  const name = p + 2;
  const nameEnd = name + view.getUint16(p);
  const value = nameEnd + 2;
  if (value > end || !isText(view, name, nameEnd)) return -1;
  const valueEnd = value + view.getUint16(nameEnd);
  return valueEnd > end || !isText(view, value, valueEnd) ? -1 : valueEnd;
}

/** Checks any property, moves behind it and returns `present` with it. */
function skipOne(reader: Reader, p: number, end: number, where: number, present: number): number {
  const packetEnd = reader.end;
  reader.position = p;
  reader.end = end; // so that it doesn't reach beyond
  const id = reader.u8();
  if (((allowedIn[id] as number) & where) === 0) throw reader.malformed(`property ${id} is not allowed in it`);
  const bit = bitOf[id] as number;
  if ((present & bit) !== 0 && ((repeatableIn[id] as number) & where) === 0) {
    throw reader.forbidden(`${nameOf[id]} is there twice`);
  }
  skipValue(reader, id);
  reader.end = packetEnd;
  return present | bit;
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
    case Kind.Text:
      reader.skipText();
      return;
    case Kind.Topic:
      if (reader.skipTopic() === reader.position) throw reader.forbidden(`${nameOf[id]} is empty`);
      return;
    case Kind.Binary:
      reader.skipSized();
      return;
    case Kind.Bit:
    case Kind.Flag:
      if (reader.u8() > 1) throw reader.forbidden(`${nameOf[id]} is neither 0 nor 1`);
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
    throw reader.error(id === Property.TopicAlias ? 0x94 : 0x82, `${nameOf[id]} is 0`);
  }
}
