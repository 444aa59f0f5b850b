// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import {
  decode,
  DecodeError,
  encode,
  EncodeError,
  isReasonCodeOf,
  packetName,
  PacketType,
  Property,
  type Properties,
  Publish,
  type PublishPacket,
  ReasonCode,
  reasonName,
  WireError,
  withDuplicate,
  withMessageExpiry,
} from "../src/index.js";
import { Reader } from "../src/reader.js";

const publish: PublishPacket = {
  type: PacketType.Publish,
  topic: "a/b",
  payload: Uint8Array.of(1, 2, 3),
  qos: 1,
  retain: true,
  duplicate: false,
  packetId: 7,
};

function decoded(packet: PublishPacket): Publish {
  return decode(encode(packet)) as Publish;
}

function caught(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe("a received PUBLISH", () => {
  const properties = { subscriptionIdentifiers: [3, 4], topicAlias: 9, userProperties: [["k", "v"]] } as const;

  it("is a view of its frame", () => {
    const bytes = encode({ ...publish, properties });
    const packet = decode(bytes) as Publish;
    expect(packet).toBeInstanceOf(Publish);
    expect([packet.buffer, packet.start, packet.end]).toEqual([bytes, 0, bytes.length]);
    expect(packet.buffer).toBe(bytes);
    expect(packet.payload.buffer).toBe(bytes.buffer);
    expect([packet.topicLength, packet.payloadLength, packet.topicAlias]).toEqual([3, 3, 9]);
    expect([packet.qos, packet.retain, packet.duplicate, packet.packetId]).toEqual([1, true, false, 7]);
  });

  it("gives the same objects each time it is read", () => {
    const packet = decoded({ ...publish, properties });
    expect(packet.payload).toBe(packet.payload);
    expect(packet.properties).toBe(packet.properties);
    expect(packet.properties.userProperties).toBe(packet.properties.userProperties);
    expect(packet.topic).toBe("a/b");
    expect(packet.topic).toBe("a/b");
  });

  it("has payloads that are plain arrays even of a Buffer", () => {
    const packet = decode(Buffer.from(encode(publish))) as Publish;
    expect(packet.payload.constructor).toBe(Uint8Array);
  });

  it("knows the subscription identifiers without properties being made", () => {
    expect(decoded(publish).subscriptionIdentifiers).toEqual([]);
    expect(decoded({ ...publish, properties }).subscriptionIdentifiers).toEqual([3, 4]);
  });

  it.each([40, 300, 5000])("can own its bytes, also those of a Buffer (%d bytes of payload)", (size) => {
    const packet = { ...publish, payload: new Uint8Array(size).fill(7), properties };
    const frame = encode(packet);
    const chunk = Buffer.concat([Buffer.alloc(100), frame, Buffer.alloc(100)]);
    const received = decode(chunk, 100, 100 + frame.length) as Publish;
    expect(received.payload.buffer).toBe(chunk.buffer);
    expect(received.properties.topicAlias).toBe(9);
    const own = received.own();
    expect(own).toBe(received);
    chunk.fill(0xff);
    expect(own.buffer.buffer.byteLength).toBeLessThanOrEqual(4 * frame.length);
    expect(own.end - own.start).toBe(frame.length);
    expect([own.topic, own.packetId, own.topicAlias]).toEqual(["a/b", 7, 9]);
    expect(own.payload).toEqual(packet.payload);
    expect(own.properties.toObject()).toEqual(properties);
    expect(encode(own)).toEqual(frame);
  });

  it("owns bytes that no other packet has, whatever their sizes", () => {
    const sizes = [70, 70, 300, 80, 2000, 1000, 90, 90, 90, 90, 90, 10, 3000, 66, 1900];
    const packets = Array.from({ length: 200 }, (_, n) => {
      const payload = new Uint8Array(sizes[n % sizes.length] as number).fill(n);
      return decoded({ ...publish, payload, topic: `t/${n}` }).own();
    });
    for (const [n, packet] of packets.entries()) {
      expect(packet.topic).toBe(`t/${n}`);
      expect(packet.payload.length).toBe(sizes[n % sizes.length]);
      expect(packet.payload.every((byte) => byte === n)).toBe(true);
      // A message that is kept pins at most four times its size.
      expect(packet.buffer.buffer.byteLength).toBeLessThanOrEqual(4 * (packet.end - packet.start));
    }
  });

  /** Decodes the frames of a chunk, and owns each as it comes. */
  function ownAhead(chunk: Uint8Array, frames: readonly Uint8Array[]): Publish[] {
    let at = 0;
    return frames.map((frame) => {
      at += frame.length;
      return (decode(chunk, at - frame.length, at) as Publish).own(true);
    });
  }

  it("owns bytes that no other packet has, also of frames that were copied ahead", () => {
    const sizes = [70, 70, 300, 80, 2000, 1000, 90, 90, 90, 90, 90, 10, 3000, 66, 1900];
    const payloads = Array.from({ length: 200 }, (_, n) => new Uint8Array(sizes[n % sizes.length] as number).fill(n));
    const frames = payloads.map((payload, n) => encode({ ...publish, payload, topic: `t/${n}` }));
    for (const chunk of [Buffer.concat(frames), new Uint8Array(Buffer.concat([...frames, Buffer.alloc(300_000)]))]) {
      const packets = ownAhead(chunk, frames);
      chunk.fill(0xff);
      for (const [n, packet] of packets.entries()) {
        expect(packet.topic).toBe(`t/${n}`);
        expect(packet.payload).toEqual(payloads[n]);
        expect(packet.buffer.buffer.byteLength).toBeLessThanOrEqual(4 * (packet.end - packet.start));
        packet.payload.fill(0xee);
      }
    }
  });

  it("copies frames of a size together, and none together with what does not follow", () => {
    const frame = encode({ ...publish, payload: new Uint8Array(100).fill(1) });
    const frames = Array.from({ length: 9 }, () => frame);
    const packets = ownAhead(Buffer.concat(frames), frames);
    expect(new Set(packets.map(({ buffer }) => buffer)).size).toBe(3);
    expect(packets[8]?.buffer).not.toBe(packets[7]?.buffer);
    const others = [...ownAhead(Buffer.concat(frames), frames), ...ownAhead(frame, [frame])];
    expect(others.some(({ buffer }) => packets.some((packet) => packet.buffer === buffer))).toBe(false);
  });

  it("copies ahead within one chunk only, and alone what comes alone", () => {
    const chunks = [1, 2].map((n) => {
      const frame = encode({ ...publish, payload: new Uint8Array(100).fill(n) });
      return Buffer.concat([frame, frame, frame]);
    });
    const size = (chunks[0] as Uint8Array).length / 3;
    const [, second] = chunks.map((chunk, n) => (decode(chunk, n * size, (n + 1) * size) as Publish).own(true));
    expect(second?.payload).toEqual(new Uint8Array(100).fill(2));
    const alone = [chunks[0], chunks[1], chunks[0]].map((chunk) => {
      const frame = (chunk as Uint8Array).slice(0, size);
      return ownAhead(frame, [frame])[0]?.buffer;
    });
    expect(new Set(alone).size).toBeLessThan(3);
  });

  it("never gives the same copy to two packets", () => {
    const payload = new Uint8Array(100).fill(1);
    const frame = encode({ ...publish, payload });
    const chunk = Buffer.concat([frame, frame, frame]);
    const first = (decode(chunk, 0, frame.length) as Publish).own(true);
    const again = (decode(chunk, 0, frame.length) as Publish).own(true);
    first.payload.fill(2);
    expect(again.payload).toEqual(payload);
  });

  it("owns the next packet too when the memory of the one before was transferred", () => {
    const payload = new Uint8Array(100).fill(1);
    const frame = encode({ ...publish, payload });
    const chunk = Buffer.concat([frame, frame, frame]);
    const first = (decode(chunk, 0, frame.length) as Publish).own(true);
    structuredClone(first.payload, { transfer: [first.payload.buffer as ArrayBuffer] });
    const second = (decode(chunk, frame.length, 2 * frame.length) as Publish).own(true);
    expect(second.payload).toEqual(payload);
  });

  it("keeps nothing of the memory that topics came in", () => {
    // More topics than places, all in the same Buffer: what a place has must not change with it.
    const chunk = Buffer.alloc(100);
    for (let n = 10_000; n < 14_096; n++) {
      const frame = encode({ ...publish, topic: `kept/${n}` });
      chunk.set(frame);
      expect((decode(chunk, 0, frame.length) as Publish).topic).toBe(`kept/${n}`);
    }
  });

  it("makes the string of a topic once for packets that come close together", () => {
    const frames = ["a", "b/1", "b/2", "é", "x".repeat(128), "x".repeat(129), "x".repeat(300)].map((topic) => ({
      topic,
      frame: encode({ ...publish, topic }),
    }));
    for (let round = 0; round < 3; round++) {
      for (const { topic, frame } of frames) expect((decode(frame) as Publish).topic).toBe(topic);
    }
    // As many as there are places for, twice: whatever shares a place, each is read right.
    const names = Array.from({ length: 4096 }, (_, n) => `place/${(n * 7919) % 4096}/${"y".repeat(n % 20)}`);
    for (const topic of [...names, ...names]) expect(decoded({ ...publish, topic }).topic).toBe(topic);
  });
});

describe("received properties", () => {
  const all = decoded({
    ...publish,
    properties: {
      userProperties: [["a", "1"]],
      contentType: "text/plain",
      subscriptionIdentifiers: [200],
      correlationData: Uint8Array.of(1),
      messageExpiryInterval: 3,
      payloadFormatIndicator: 1,
      topicAlias: 2,
      responseTopic: "r",
    },
  }).properties;

  it("[parity 4] are read in any order", () => {
    expect(all.responseTopic).toBe("r");
    expect(all.topicAlias).toBe(2);
    expect(all.payloadFormatIndicator).toBe(1);
    expect(all.messageExpiryInterval).toBe(3);
    expect(all.correlationData).toEqual(Uint8Array.of(1));
    expect(all.subscriptionIdentifiers).toEqual([200]);
    expect(all.subscriptionIdentifier).toBe(200);
    expect(all.contentType).toBe("text/plain");
    expect(all.has(Property.ContentType)).toBe(true);
    expect(all.has(Property.ReasonString)).toBe(false);
  });

  it("[parity 4] give the first of many with one name", () => {
    const { properties } = decoded({
      ...publish,
      properties: {
        userProperties: [
          ["a", "1"],
          ["b", "2"],
          ["a", "3"],
        ],
      },
    });
    expect(properties.userProperty("a")).toBe("1");
    expect(properties.userProperty("b")).toBe("2");
    expect(properties.userProperty("c")).toBeUndefined();
    expect(properties.length).toBe(21);
  });

  it("[parity 4] keep User Properties in order, repeated and strangely named", () => {
    const userProperties = [
      ["__proto__", "x"],
      ["", ""],
      ["a", "1"],
      ["a", "1"],
      ["constructor", "y"],
    ] as const;
    expect(decoded({ ...publish, properties: { userProperties } }).properties.userProperties).toEqual(userProperties);
  });

  it("[parity 4, 26] are undefined where absent", () => {
    const { properties } = decoded(publish);
    const names = Object.entries(Object.getOwnPropertyDescriptors(Object.getPrototypeOf(properties) as object));
    const getters = names
      .filter(([, descriptor]) => descriptor.get !== undefined)
      .map(([name]) => name as keyof Properties);
    expect(getters).toHaveLength(28);
    for (const name of getters) {
      const list = name === "userProperties" || name === "subscriptionIdentifiers";
      expect([name, properties[name]]).toEqual([name, list ? [] : undefined]);
    }
    expect(properties.toObject()).toEqual({});
  });

  it("read long and non-ASCII texts", () => {
    for (const contentType of [
      "x".repeat(24),
      "x".repeat(25),
      "x".repeat(9000),
      "ä",
      `${"x".repeat(30)}ä`,
      "😀".repeat(20),
    ]) {
      expect(decoded({ ...publish, properties: { contentType } }).properties.contentType).toBe(contentType);
    }
  });
});

describe("decode", () => {
  it("refuses nothing at all", () => {
    expect(caught(() => decode(new Uint8Array(0)))).toMatchObject({ reasonCode: 0x81, packetType: 0 });
    expect(caught(() => decode(Uint8Array.of(0xd0)))).toMatchObject({ reasonCode: 0x81 });
  });

  it("refuses a frame that is not as long as it says", () => {
    for (const bytes of [Uint8Array.of(0xd0, 1), Uint8Array.of(0xd0, 0, 0), Uint8Array.of(0x40, 3, 0, 1)]) {
      expect(caught(() => decode(bytes))).toMatchObject({
        reasonCode: 0x81,
        detail: expect.stringContaining("Remaining Length"),
      });
    }
  });

  it("[parity 12] takes reserved flags of PINGRESP if it is lenient, and of nothing else", () => {
    const violations: DecodeError[] = [];
    const lenient = (violation: DecodeError): number => violations.push(violation);
    expect(decode(Uint8Array.of(0xd5, 0), 0, 2, { lenient })).toEqual({ type: PacketType.Pingresp });
    expect(violations).toHaveLength(1);
    expect(violations[0]).toMatchObject({ reasonCode: 0x81, packetType: PacketType.Pingresp });
    for (const bytes of [
      Uint8Array.of(0xc5, 0),
      Uint8Array.of(0xe1, 0),
      Uint8Array.of(0x41, 2, 0, 1),
      Uint8Array.of(0xd5, 1, 0),
    ]) {
      expect(caught(() => decode(bytes, 0, bytes.length, { lenient }))).toMatchObject({ reasonCode: 0x81 });
    }
    expect(violations).toHaveLength(2); // the PINGRESP with a body had both
  });

  it("[parity 2] takes a Remaining Length that is too long if it is lenient", () => {
    const violations: DecodeError[] = [];
    const options = { lenient: (violation: DecodeError): number => violations.push(violation) };
    expect(decode(Uint8Array.of(0x40, 0x82, 0x80, 0, 0, 1), 0, 6, options)).toMatchObject({ packetId: 1 });
    expect(decode(Uint8Array.of(0x40, 2, 0, 1), 0, 4, options)).toMatchObject({ packetId: 1 });
    expect(violations.map(({ message }) => message)).toEqual([
      "PUBACK: its Remaining Length is longer than its value needs (Malformed Packet, 0x81)",
    ]);
    const inside = Uint8Array.of(0x30, 5, 0, 1, 0x61, 0x80, 0); // a property length is never tolerated
    expect(caught(() => decode(inside, 0, 7, options))).toMatchObject({ reasonCode: 0x81 });
  });

  it("doesn't hold on to large memory, whether it succeeds or not", () => {
    const reader = new Reader();
    const small = new Uint8Array(10);
    const large = new Uint8Array(new ArrayBuffer(1 << 20), 0, 10);
    reader.open(small, 0, 10, undefined);
    reader.close();
    expect(reader.bytes).toBe(small);
    reader.open(large, 0, 10, undefined);
    expect(reader.bytes).toBe(large);
    reader.close();
    expect(reader.bytes).not.toBe(large);
    reader.open(large, 0, 10, undefined);
    reader.malformed("x");
    expect(reader.view.byteLength).toBe(0);
  });

  it("reads large packets all the same", () => {
    const payload = new Uint8Array(400_000).fill(5);
    expect(decoded({ ...publish, payload }).payload).toEqual(payload);
    const broken = encode({ ...publish, payload });
    broken[0] = 0x36;
    expect(caught(() => decode(broken))).toMatchObject({ reasonCode: 0x81 });
    expect(decoded(publish).topic).toBe("a/b");
  });
});

describe("an error", () => {
  it("says what packet, what is wrong and what to close with", () => {
    const error = caught(() => decode(Uint8Array.of(0x36, 0)));
    expect(error).toBeInstanceOf(DecodeError);
    expect(error).toBeInstanceOf(WireError);
    expect(error).toMatchObject({
      name: "DecodeError",
      code: "MALFORMED_PACKET",
      reasonCode: 0x81,
      packetType: 3,
      detail: "the QoS is 3",
      message: "PUBLISH: the QoS is 3 (Malformed Packet, 0x81)",
    });
    expect([0x81, 0x82, 0x84, 0x94, 0x95].map((code) => new DecodeError(code as 0x81, 0, "").code)).toEqual([
      "MALFORMED_PACKET",
      "PROTOCOL_ERROR",
      "UNSUPPORTED_PROTOCOL_VERSION",
      "TOPIC_ALIAS_INVALID",
      "PACKET_TOO_LARGE",
    ]);
  });
});

describe("names", () => {
  it("are the standard's", () => {
    expect([packetName(3), packetName(15), packetName(0), packetName(16)]).toEqual([
      "PUBLISH",
      "AUTH",
      "type 0",
      "type 16",
    ]);
    expect([reasonName(0x87), reasonName(0), reasonName(0x05)]).toEqual([
      "Not authorized",
      "Success",
      "reason code 0x05",
    ]);
    expect(new Set(Object.values(ReasonCode).map(reasonName)).size).toBe(43);
  });

  it("[parity 11] of reason codes depend on packet and sender", () => {
    const codes = (type: PacketType, sender?: "client" | "server"): string =>
      Array.from({ length: 256 }, (_, code) => code)
        .filter((code) => isReasonCodeOf(type, code, sender))
        .map((code) => code.toString(16).padStart(2, "0"))
        .join(" ");
    expect(codes(PacketType.Connack)).toBe("00 80 81 82 83 84 85 86 87 88 89 8a 8c 90 95 97 99 9a 9b 9c 9d 9f");
    expect(codes(PacketType.Puback)).toBe("00 10 80 83 87 90 91 97 99");
    expect(codes(PacketType.Pubrec)).toBe("00 10 80 83 87 90 91 97 99");
    expect(codes(PacketType.Pubrec, "client")).toBe("00 80 83 87 90 91 97 99");
    expect(codes(PacketType.Pubrel)).toBe("00 92");
    expect(codes(PacketType.Pubcomp)).toBe("00 92");
    expect(codes(PacketType.Suback)).toBe("00 01 02 80 83 87 8f 91 97 9e a1 a2");
    expect(codes(PacketType.Unsuback)).toBe("00 11 80 83 87 8f 91");
    expect(codes(PacketType.Disconnect)).toBe(
      "00 04 80 81 82 83 87 89 8b 8c 8d 8e 8f 90 93 94 95 96 97 98 99 9a 9b 9c 9d 9e 9f a0 a1 a2",
    );
    expect(codes(PacketType.Disconnect, "client")).toBe("00 04 80 81 82 83 8c 90 93 94 95 96 97 98 99 9b");
    expect(codes(PacketType.Disconnect, "server")).not.toContain("04");
    expect([codes(PacketType.Auth), codes(PacketType.Auth, "client"), codes(PacketType.Auth, "server")]).toEqual([
      "00 18 19",
      "18 19",
      "00 18",
    ]);
    expect(isReasonCodeOf(PacketType.Puback, 256)).toBe(false);
  });
});

describe("an encoded PUBLISH", () => {
  const properties = { contentType: "t", messageExpiryInterval: 0x01020304, userProperties: [["a", "b"]] } as const;

  it("[parity 25] takes another Message Expiry Interval in place of the old one", () => {
    const frame = encode({ ...publish, properties });
    const copy = Uint8Array.from(frame);
    for (const seconds of [0, 1, 0xffff_ffff]) {
      const rewritten = withMessageExpiry(frame, seconds);
      expect(rewritten).toEqual(encode({ ...publish, properties: { ...properties, messageExpiryInterval: seconds } }));
      expect(withMessageExpiry(Buffer.from(frame), seconds)).toEqual(rewritten);
    }
    expect(frame).toEqual(copy);
  });

  it("[parity 25] is refused if it has none, or for seconds that can't be", () => {
    expect(caught(() => withMessageExpiry(encode(publish), 5))).toMatchObject({
      code: "INVALID_FIELD",
      value: undefined,
    });
    const frame = encode({ ...publish, properties });
    for (const seconds of [-1, 1.5, 2 ** 32, Number.NaN]) {
      expect(caught(() => withMessageExpiry(frame, seconds))).toMatchObject({ code: "INVALID_FIELD", value: seconds });
    }
    expect(caught(() => withMessageExpiry(Uint8Array.of(0xd0, 0), 5))).toBeInstanceOf(EncodeError);
    expect(caught(() => withMessageExpiry(Uint8Array.of(0x36, 0), 5))).toBeInstanceOf(DecodeError);
  });

  it("takes the DUP flag, and only that, at QoS 1 and 2 [MQTT-3.3.1-1] [MQTT-3.3.1-2]", () => {
    for (const qos of [1, 2] as const) {
      const frame = encode({ ...publish, qos, properties });
      const again = encode({ ...publish, qos, properties, duplicate: true });
      expect(withDuplicate(frame)).toEqual(again);
      expect(withDuplicate(Buffer.from(frame))).toEqual(again);
      expect(withDuplicate(again)).toEqual(again);
      expect(frame[0]).toBe(qos === 1 ? 0x33 : 0x35);
    }
    expect(caught(() => withDuplicate(encode({ ...publish, qos: 0 })))).toBeInstanceOf(EncodeError);
    expect(caught(() => withDuplicate(Uint8Array.of(0xc0, 0)))).toMatchObject({ field: "type" });
  });
});
