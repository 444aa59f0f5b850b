// SPDX-License-Identifier: Apache-2.0
import { afterProperty, Properties } from "./properties.js";
import { allowedIn, bitOf, Kind, type PropertyRule, propertyRules, repeatableIn } from "./property.js";
import type { PropertyValues, UserProperty } from "./property-values.js";
import { isWhole, maximumVarint, varintSize, type Writer } from "./writer.js";

const ruleOf: ReadonlyMap<string, PropertyRule> = /* @__PURE__ */ rulesByName();

function rulesByName(): ReadonlyMap<string, PropertyRule> {
  return new Map(propertyRules.map((rule) => [rule.name, rule]));
}

/**
 * Writes the properties of a packet with the length in front of them [MQTT-2.2.2-1], checks each by the table, and returns
 * which there are, one bit each as `bitOf` gives them. A property the packet may not carry is an error, unless it comes
 * from a received packet ({@link Properties}): then it is left out.
 */
export function writeProperties(
  writer: Writer,
  context: number,
  values: PropertyValues | undefined,
  path?: string,
): number {
  if (values === undefined) {
    writer.u8(0);
    return 0;
  }
  writer.checkObject("properties", values);
  const outer = writer.path;
  writer.path = path ?? "properties.";
  const where = 1 << context;
  const received = values instanceof Properties;
  const reserved = varintSize(received ? values.length : leastLength(values.userProperties));
  const mark = writer.mark(reserved);
  const present = received ? copyProperties(writer, where, values) : writeValues(writer, where, values);
  writer.measure(mark, reserved);
  writer.path = outer;
  return present;
}

/** What the pairs take at least, so that the room set aside for the length is nearly always right. They may be anything yet. */
function leastLength(pairs: readonly UserProperty[] | undefined): number {
  let length = 0;
  if (Array.isArray(pairs)) for (const pair of pairs) length += 5 + (pair?.[0]?.length ?? 0) + (pair?.[1]?.length ?? 0);
  return length;
}

function writeValues(writer: Writer, where: number, values: PropertyValues): number {
  let present = 0;
  for (const name in values) {
    const value: unknown = values[name as keyof PropertyValues];
    if (value === undefined) continue;
    const rule = ruleOf.get(name);
    if (rule === undefined || (rule.where & where) === 0) {
      if (present === 0 && isReceived(values)) break;
      throw writer.fail("INVALID_FIELD", name, value, "is not a property of this packet");
    }
    if (rule.many) {
      if (!Array.isArray(value)) throw writer.fail("INVALID_FIELD", name, value, "must be a list");
      if (value.length === 0) continue;
      for (const item of value) writeValue(writer, rule, item);
    } else {
      writeValue(writer, rule, value);
    }
    present |= bitOf[rule.id] as number;
  }
  return present === 0 && isReceived(values) ? writeReceived(writer, where, values) : present;
}

/** Whether these are the {@link Properties} of another copy of this package: other fields, the same getters. */
function isReceived(values: object): boolean {
  return "toObject" in values && !Object.hasOwn(values, "toObject");
}

/** Writes what the packet may carry, as {@link copyProperties} does. */
function writeReceived(writer: Writer, where: number, received: PropertyValues): number {
  const allowed = propertyRules.filter((rule) => (rule.where & where) !== 0);
  const values = allowed.map(({ name }) => [name, received[name]]);
  return writeValues(writer, where, Object.fromEntries(values));
}

function writeValue(writer: Writer, rule: PropertyRule, value: unknown): void {
  const { name } = rule;
  writer.u8(rule.id);
  switch (rule.kind) {
    case Kind.Pair:
      writePair(writer, name, value as UserProperty);
      return;
    case Kind.Text:
      writer.text(name, value as string);
      return;
    case Kind.Topic:
      writer.topic(name, value as string);
      return;
    case Kind.Binary:
      writer.binary(name, value as Uint8Array);
      return;
    case Kind.Flag:
      if (typeof value !== "boolean") throw writer.fail("INVALID_FIELD", name, value, "must be true or false");
      writer.u8(value ? 1 : 0);
      return;
    case Kind.Bit:
      writer.u8(whole(writer, rule, value, 1));
      return;
    case Kind.U16:
      writer.u16(whole(writer, rule, value, 0xffff));
      return;
    case Kind.U32:
      writer.u32(whole(writer, rule, value, 0xffff_ffff));
      return;
    default:
      writer.varint(whole(writer, rule, value, maximumVarint));
  }
}

/** [MQTT-1.5.7-1] */
function writePair(writer: Writer, field: string, pair: UserProperty): void {
  if (!Array.isArray(pair) || pair.length !== 2) {
    throw writer.fail("INVALID_FIELD", field, pair, "must hold pairs of a name and a value");
  }
  writer.text(field, pair[0]);
  writer.text(field, pair[1]);
}

function whole(writer: Writer, rule: PropertyRule, value: unknown, most: number): number {
  const least = rule.positive ? 1 : 0;
  if (isWhole(value, least, most)) return value;
  throw writer.fail("INVALID_FIELD", rule.name, value, `must be ${least} to ${most}`);
}

/** Copies what the packet may carry, as it is: the bytes were validated when they came in. */
function copyProperties(writer: Writer, where: number, values: Properties): number {
  const { buffer, start } = values;
  const end = start + values.length;
  if (where === values.where) {
    writer.raw(buffer.subarray(start, end));
    return values.present;
  }
  let present = 0;
  for (let p = start; p < end; ) {
    const id = buffer[p] as number;
    const next = afterProperty(buffer, p);
    const bit = bitOf[id] as number;
    const fits = ((present & bit) === 0 ? allowedIn[id] : repeatableIn[id]) as number;
    if ((fits & where) !== 0) {
      writer.raw(buffer.subarray(p, next));
      present |= bit;
    }
    p = next;
  }
  return present;
}
