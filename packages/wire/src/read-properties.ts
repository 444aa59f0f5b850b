// SPDX-License-Identifier: Apache-2.0
import type { PacketType } from "./packet-type.js";
import { Properties, PropertyFacts } from "./properties.js";
import {
  allowedIn,
  bit,
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

const userPropertyBit = /* @__PURE__ */ bit("UserProperty");

const nothing = /* @__PURE__ */ new Uint8Array(0);
const absent: Properties[] = [];
/** Of a packet without properties. */
export const noFacts: PropertyFacts = /* @__PURE__ */ new PropertyFacts(0);

/** Reads the properties of a packet with the length in front of them. */
export function readProperties(reader: Reader, context: PacketType | typeof WillContext): Properties {
  const length = reader.varint();
  if (length === 0) return noProperties(context);
  const start = reader.skip(length);
  const end = start + length;
  const where = 1 << context;
  const facts = new PropertyFacts(skipProperties(reader, start, end, where));
  reader.position = end;
  return new Properties(reader.bytes, start, length, where, facts);
}

/** No properties, of a packet that has none or left even their length out: one object for all packets of a type. */
export function noProperties(context: PacketType | typeof WillContext): Properties {
  return (absent[context] ??= new Properties(nothing, 0, 0, 1 << context, noFacts));
}

/**
 * Checks properties and returns which there are, one bit each as `bitOf` gives them. Everything the standard says of one
 * property is decided here and by the table: whether the packet may carry it, how often, and its value.
 */
export function skipProperties(reader: Reader, start: number, end: number, where: number): number {
  const { view } = reader;
  let present = 0;
  let p = start;
  while (p < end) {
    if (view.getUint8(p) === Property.UserProperty) {
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

/**
 * Checks a UTF-8 String Pair and returns where it ends; -1 if it is wrong. [MQTT-1.5.7-1] A loop, so that the compiler has
 * one `isText` to inline on the way from a PUBLISH to here: with two of them one is a call.
 */
function skipPair(view: DataView, start: number, end: number): number {
  let p = start;
  for (let text = 0; text < 2; text++) {
    const from = p + 2;
    if (from > end) return -1;
    p = from + view.getUint16(p);
    if (p > end || !isText(view, from, p)) return -1;
  }
  return p;
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
