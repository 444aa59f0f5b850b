// SPDX-License-Identifier: Apache-2.0
import * as fc from "fast-check";
import type { Arbitrary } from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decode,
  encode,
  encodeInto,
  Framer,
  isReasonCodeOf,
  type Packet,
  PacketType,
  type PropertyValues,
  Writer,
} from "../src/index.js";
import { propertyRules, WillContext } from "../src/property.js";
import { plain } from "./plain.js";

const text = fc.string({ unit: "binary", maxLength: 30 }).filter((value) => !value.includes("\0"));
const topic = text.filter((value) => value !== "" && !/[+#]/.test(value));
const filter = fc.oneof(
  fc
    .array(
      fc.oneof(
        topic.filter((level) => !level.startsWith("$")),
        fc.constant("+"),
        fc.constant(""),
      ),
      { minLength: 2, maxLength: 5 },
    )
    .map((levels) => levels.join("/")),
  fc.constantFrom("#", "+", "a/#", "$share/g/a/#", "$SYS/#"),
);
const binary = fc.uint8Array({ maxLength: 40 }).map((bytes) => Uint8Array.from(bytes));
const packetId = fc.integer({ min: 1, max: 65_535 });
const qos = fc.constantFrom<(0 | 1 | 2)[]>(0, 1, 2);
const u16 = fc.oneof(fc.constantFrom(1, 255, 256, 65_535), fc.integer({ min: 1, max: 65_535 }));
const u32 = fc.oneof(fc.constantFrom(1, 65_536, 0x8000_0000, 0xffff_ffff), fc.integer({ min: 1, max: 0xffff_ffff }));
const varint = fc.oneof(
  fc.constantFrom(1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152, 268_435_455),
  fc.integer({ min: 1, max: 268_435_455 }),
);
const pairs = fc.array(fc.tuple(text, text), { minLength: 1, maxLength: 6 });
const bit = fc.constantFrom(0, 1);
/** 0 for those that may be, since absent and 0 are different things. */
const orZero = (value: Arbitrary<number>): Arbitrary<number> => fc.oneof(fc.constant(0), value);

const values: Readonly<Record<keyof PropertyValues, Arbitrary<unknown>>> = {
  payloadFormatIndicator: bit,
  messageExpiryInterval: orZero(u32),
  contentType: text,
  responseTopic: topic,
  correlationData: binary,
  subscriptionIdentifier: varint,
  subscriptionIdentifiers: fc.array(varint, { minLength: 1, maxLength: 4 }),
  sessionExpiryInterval: orZero(u32),
  assignedClientIdentifier: text,
  serverKeepAlive: orZero(u16),
  authenticationMethod: text,
  authenticationData: binary,
  requestProblemInformation: fc.boolean(),
  willDelayInterval: orZero(u32),
  requestResponseInformation: fc.boolean(),
  responseInformation: text,
  serverReference: text,
  reasonString: text,
  receiveMaximum: u16,
  topicAliasMaximum: orZero(u16),
  topicAlias: u16,
  maximumQoS: bit,
  retainAvailable: fc.boolean(),
  userProperties: pairs,
  maximumPacketSize: u32,
  wildcardSubscriptionAvailable: fc.boolean(),
  subscriptionIdentifierAvailable: fc.boolean(),
  sharedSubscriptionAvailable: fc.boolean(),
};

/** Any of the properties a packet may carry, each of them there or not; `undefined` for none. */
function propertiesOf(context: number, must: readonly (keyof PropertyValues)[] = []): Arbitrary<object | undefined> {
  const names = propertyRules.filter(({ where }) => (where & (1 << context)) !== 0).map(({ name }) => name);
  const model = Object.fromEntries(names.map((name) => [name, values[name]]));
  return fc.record(model, { requiredKeys: [...must] }).map((record) => {
    const copy: Record<string, unknown> = { ...record };
    if (copy["authenticationMethod"] === undefined) delete copy["authenticationData"];
    return Object.keys(copy).length === 0 ? undefined : copy;
  });
}

function codeOf(type: PacketType): Arbitrary<number> {
  return fc.constantFrom(
    ...Array.from({ length: 256 }, (_, code) => code).filter((code) => isReasonCodeOf(type, code)),
  );
}

const { Connect, Connack, Publish, Puback, Pubrec, Pubrel, Pubcomp, Subscribe, Suback, Unsubscribe, Unsuback } =
  PacketType;
const { Pingreq, Pingresp, Disconnect, Auth } = PacketType;

const ack = (type: PacketType): Arbitrary<object> =>
  fc.record({ type: fc.constant(type), packetId, reasonCode: codeOf(type), properties: propertiesOf(type) });
const listAck = (type: PacketType): Arbitrary<object> =>
  fc.record({
    type: fc.constant(type),
    packetId,
    reasonCodes: fc.array(codeOf(type), { minLength: 1, maxLength: 5 }),
    properties: propertiesOf(type),
  });

const packets: Readonly<Record<PacketType, Arbitrary<object>>> = {
  [Connect]: fc.record({
    type: fc.constant(Connect),
    clientId: text,
    cleanStart: fc.boolean(),
    keepAlive: orZero(u16),
    will: fc.option(
      fc.record({ topic, payload: binary, qos, retain: fc.boolean(), properties: propertiesOf(WillContext) }),
      { nil: undefined },
    ),
    username: fc.option(text, { nil: undefined }),
    password: fc.option(binary, { nil: undefined }),
    properties: propertiesOf(Connect),
  }),
  [Connack]: fc
    .record({
      type: fc.constant(Connack),
      sessionPresent: fc.boolean(),
      reasonCode: codeOf(Connack),
      properties: propertiesOf(Connack),
    })
    .map((packet) => ({ ...packet, sessionPresent: packet.sessionPresent && packet.reasonCode === 0 })),
  [Publish]: fc
    .record({
      type: fc.constant(Publish),
      topic,
      payload: binary,
      qos,
      retain: fc.boolean(),
      duplicate: fc.boolean(),
      packetId,
      properties: propertiesOf(Publish),
    })
    .map((packet) => (packet.qos === 0 ? { ...packet, packetId: 0, duplicate: false } : packet)),
  [Puback]: ack(Puback),
  [Pubrec]: ack(Pubrec),
  [Pubrel]: ack(Pubrel),
  [Pubcomp]: ack(Pubcomp),
  [Subscribe]: fc.record({
    type: fc.constant(Subscribe),
    packetId,
    subscriptions: fc.array(
      fc
        .record({ filter, qos, noLocal: fc.boolean(), retainAsPublished: fc.boolean(), retainHandling: qos })
        .map((one) => ({ ...one, noLocal: one.noLocal && !one.filter.startsWith("$share/") })),
      { minLength: 1, maxLength: 4 },
    ),
    properties: propertiesOf(Subscribe),
  }),
  [Suback]: listAck(Suback),
  [Unsubscribe]: fc.record({
    type: fc.constant(Unsubscribe),
    packetId,
    filters: fc.array(filter, { minLength: 1, maxLength: 4 }),
    properties: propertiesOf(Unsubscribe),
  }),
  [Unsuback]: listAck(Unsuback),
  [Pingreq]: fc.record({ type: fc.constant(Pingreq) }),
  [Pingresp]: fc.record({ type: fc.constant(Pingresp) }),
  [Disconnect]: fc.record({
    type: fc.constant(Disconnect),
    reasonCode: codeOf(Disconnect),
    properties: propertiesOf(Disconnect),
  }),
  [Auth]: fc.record({
    type: fc.constant(Auth),
    reasonCode: codeOf(Auth),
    properties: propertiesOf(Auth, ["authenticationMethod"]),
  }),
};

/** Without the fields that are undefined, as `plain` gives it. */
function present(value: object): object {
  const entries = Object.entries(value).filter(([, field]) => field !== undefined);
  return Object.fromEntries(
    entries.map(([name, field]) => [name, name === "will" ? present(field as object) : (field as unknown)]),
  );
}

describe("any packet comes back as it was sent", () => {
  it.each(Object.entries(PacketType))("[parity 3, 26] %s", (_, type) => {
    fc.assert(
      fc.property(packets[type], (model) => {
        const packet = model as Packet;
        const bytes = encode(packet);
        const decoded = decode(bytes);
        expect(plain(decoded)).toEqual(present(packet));
        expect(plain(decode(encode(decoded)))).toEqual(present(packet));
      }),
      { numRuns: 300 },
    );
  });

  it("[parity 23] in any order, cut into any chunks", () => {
    const any = fc.oneof(...Object.values(packets));
    fc.assert(
      fc.property(
        fc.array(any, { maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }),
        (models, cuts) => {
          const writer = new Writer(16);
          for (const packet of models) encodeInto(writer, packet as Packet);
          const bytes = writer.take();
          const framer = new Framer();
          const received: unknown[] = [];
          for (let i = 0, k = 0; i < bytes.length; k++) {
            const size = cuts[k % cuts.length] as number;
            framer.push(bytes.subarray(i, i + size));
            i += size;
            while (framer.next()) received.push(plain(decode(framer.buffer, framer.start, framer.end)));
          }
          expect(received).toEqual(models.map(present));
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe("an absent property", () => {
  const zero = {
    payloadFormatIndicator: 0,
    messageExpiryInterval: 0,
    contentType: "",
    correlationData: new Uint8Array(0),
    userProperties: [["", ""]],
  } as const;
  const publish = {
    type: Publish,
    topic: "a",
    payload: new Uint8Array(0),
    qos: 0,
    retain: false,
    duplicate: false,
    packetId: 0,
  } as const;

  it("[parity 26] is not the same as 0 or empty", () => {
    const without = decode(encode(publish));
    const withZero = decode(encode({ ...publish, properties: zero }));
    if (without.type !== Publish || withZero.type !== Publish) throw new Error("not a PUBLISH");
    expect(without.properties.toObject()).toEqual({});
    expect(withZero.properties.toObject()).toEqual(zero);
    for (const name of Object.keys(zero) as (keyof typeof zero)[]) {
      expect(withZero.properties[name]).toEqual(zero[name]);
      expect(without.properties[name]).toEqual(name === "userProperties" ? [] : undefined);
    }
  });
});
