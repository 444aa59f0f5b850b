// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { decode, DecodeError, encode, PacketType, type Publish, type PublishPacket } from "../src/index.js";
import { Recent } from "../src/recent.js";
import { plain } from "./plain.js";

const publish: PublishPacket = {
  type: PacketType.Publish,
  topic: "sensors/7/temperature",
  payload: Uint8Array.of(1, 2, 3),
  qos: 1,
  retain: false,
  duplicate: false,
  packetId: 7,
  properties: {
    contentType: "text/plain",
    correlationData: new Uint8Array(4),
    userProperties: [
      ["trace", "4bf92f3577b34da6"],
      ["tenant", "größer"],
    ],
  },
};

/** What comes of bytes: the packet with all that can be read of it, or the reason code. */
function outcome(bytes: Uint8Array): unknown {
  try {
    return plain(decode(bytes, 0, bytes.length, { sender: "server" }));
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return error.reasonCode;
  }
}

/** Other topics and properties, until those that came before are forgotten. */
function forget(): void {
  for (let i = 0; i < 100; i++) {
    const properties = { userProperties: [["other", `value ${i}`]] } as const;
    decode(encode({ ...publish, topic: `other/topic/${i}`, properties }));
  }
}

describe("packets like the one before", () => {
  const frame = encode(publish);
  const remember = (): void => {
    for (let i = 0; i < 40; i++) decode(frame);
  };

  it("are checked in every byte", () => {
    const changes = [...frame.keys()].flatMap((at) =>
      [0x00, 0x01, 0x23, 0x26, 0x2b, 0x80, 0xff].map((byte) => {
        const changed = frame.slice();
        changed[at] = byte;
        return changed;
      }),
    );
    forget();
    const alone = changes.map(outcome);
    const after = changes.map((bytes) => {
      remember();
      return outcome(bytes);
    });
    expect(after).toEqual(alone);
    expect(new Set(after.filter((result) => typeof result === "number"))).toEqual(new Set([0x81, 0x82]));
  });

  it("have a Remaining Length that is checked in every byte", () => {
    for (const size of [100, 125, 126, 127, 128, 200, 16_381, 16_382, 16_383, 16_384]) {
      const long = encode({ ...publish, payload: new Uint8Array(size - 30), properties: undefined });
      expect(plain(decode(long))).toEqual(
        plain({ ...publish, payload: new Uint8Array(size - 30), properties: undefined } as never),
      );
      for (const at of [1, 2]) {
        const changed = long.slice();
        changed[at] = (changed[at] as number) ^ 1;
        expect(() => decode(changed), `size ${size}, byte ${at}`).toThrow(DecodeError);
      }
      expect(() => decode(long, 0, long.length - 1), `size ${size}`).toThrow(DecodeError);
    }
  });

  it("are checked in memory that is used again", () => {
    const memory = frame.slice();
    for (let i = 0; i < 40; i++) decode(memory);
    for (const wrong of [0x00, 0x23, 0xff]) {
      for (const at of [5, 20, frame.length - 6]) {
        memory.set(frame);
        memory[at] = wrong;
        expect(() => decode(memory), `byte ${at} is ${wrong}`).toThrow(DecodeError);
      }
    }
    memory.set(frame);
    expect(outcome(memory)).toEqual(outcome(frame));
  });

  it("are as good after a packet that was refused", () => {
    const refused = frame.slice();
    refused[5] = 0;
    forget();
    for (let i = 0; i < 40; i++) expect(() => decode(refused)).toThrow(DecodeError);
    expect(outcome(frame)).toEqual(plain(publish as never));
  });

  it("are still refused what their sender may not send", () => {
    const bytes = encode({ ...publish, properties: { subscriptionIdentifiers: [1], contentType: "text/plain" } });
    for (let i = 0; i < 40; i++) decode(bytes, 0, bytes.length, { sender: "server" });
    expect(() => decode(bytes, 0, bytes.length, { sender: "client" })).toThrow(DecodeError); // [MQTT-3.3.4-6]
  });

  it("have topics, properties and lists of their own", () => {
    remember();
    const [one, two, other] = [frame, frame, encode({ ...publish, topic: "sensors/8/temperature" })].map(
      (bytes) => decode(bytes) as Publish,
    ) as [Publish, Publish, Publish];
    expect([one.topicAlias, two.topicAlias]).toEqual([0, 0]);
    expect([one.topic, two.topic, other.topic]).toEqual([publish.topic, publish.topic, "sensors/8/temperature"]);
    const changed = one.properties.userProperties as [string, string][];
    (changed[0] as [string, string])[1] = "changed";
    changed.pop();
    expect(two.properties.userProperties).toEqual(publish.properties?.userProperties);
    expect((decode(frame) as Publish).properties.userProperties).toEqual(publish.properties?.userProperties);
    expect(other.own().topic).toBe("sensors/8/temperature");
  });

  it("are told apart however long their topics and properties are", () => {
    for (let length = 1; length < 300; length++) {
      for (let i = 0; i < 4; i++) {
        const text = "x".repeat(length - 1) + (i % 2);
        const packet = { ...publish, topic: text, properties: { contentType: text } };
        expect(outcome(encode(packet))).toEqual(plain(packet as never));
      }
    }
  });
});

describe("what is remembered", () => {
  const viewOf = (...bytes: number[]): DataView => new DataView(Uint8Array.from(bytes).buffer);
  const letters = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => 96 + n);

  it("is the latest that was kept", () => {
    const recent = new Recent(16, "none");
    const view = viewOf(...letters);
    expect(recent.equals(view, 0, 9)).toBe(false);
    recent.offer(view, 0, 9, "nine");
    expect(recent.equals(view, 0, 9)).toBe(true);
    expect(recent.value).toBe("nine");
    expect(recent.equals(view, 0, 8)).toBe(false);
    expect(recent.equals(viewOf(...letters.slice(0, 8), 0), 0, 9)).toBe(false);
    expect(recent.equals(viewOf(0, ...letters.slice(1)), 0, 9)).toBe(false);
  });

  it("is nothing whose words may equal other bytes", () => {
    const zeros = new Recent(16, "none");
    zeros.offer(viewOf(0, 0, 0, 0, 0, 0, 0, 0), 0, 8, "zeros");
    expect(zeros.equals(viewOf(0, 0, 0, 0, 0, 0, 0, 0), 0, 8)).toBe(false);
    expect(zeros.equals(viewOf(0, 0, 0, 0, 0, 0, 0, 0x80), 0, 8)).toBe(false); // -0
  });

  it("is nothing too short or too long for it, and nothing empty", () => {
    for (const length of [0, 7, 17]) {
      const recent = new Recent(16, "none");
      const view = viewOf(...Array.from({ length: 17 }, () => 1));
      recent.offer(view, 0, length, "kept");
      expect(recent.equals(view, 0, length)).toBe(false);
      expect(recent.value).toBe("none");
    }
  });

  it("changes ever less often where nothing comes twice, and again at once after something did", () => {
    const recent = new Recent(16, -1);
    const offered = (n: number): boolean => {
      recent.offer(viewOf(...letters.slice(0, 8), n), 0, 9, n);
      return recent.value === n;
    };
    const kept = Array.from({ length: 200 }, (_, n) => n).filter(offered);
    expect(kept.slice(0, 7)).toEqual([0, 2, 6, 14, 30, 62, 94]);
    const last = kept.at(-1) as number;
    expect(recent.equals(viewOf(...letters.slice(0, 8), last), 0, 9)).toBe(true);
    expect(offered(200)).toBe(true);
  });
});
