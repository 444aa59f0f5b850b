// SPDX-License-Identifier: Apache-2.0
import { decodeUtf8, encodeUtf8, PacketType } from "@mqttv5/wire";
import { describe, expect, expectTypeOf, it } from "vitest";
import type { Codec, TopicParameters, Typed, TypedMessage, TypedSubscription } from "../src/index.js";
import { Bench, codeOf, confirm, follow, grant, puback, publish } from "./bench.js";

interface Event {
  readonly n: number;
}

/** JSON, strict about its shape. */
const codec: Codec<Event> = {
  contentType: "application/json",
  encode(value) {
    if (typeof value.n !== "number") throw new TypeError("n is missing");
    return encodeUtf8(JSON.stringify(value));
  },
  decode(payload) {
    const value = JSON.parse(decodeUtf8(payload)) as Event;
    if (typeof value.n !== "number") throw new TypeError("n is missing");
    return value;
  },
};

const later: Codec<Event> = {
  encode: (value) => codec.encode(value),
  decode: async (payload) => codec.decode(payload),
};

describe("typed", () => {
  it("publishes values with the codec's Content Type, or the call's", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const events = client.typed(codec);
    expectTypeOf(events).toEqualTypeOf<Typed<Event>>();
    const sent = follow(events.publish("t", { n: 1 }, { qos: 1 }));
    const { packetId, properties } = await connection.expect({ type: PacketType.Publish, payload: '{"n":1}' });
    expect(properties.toObject().contentType).toBe("application/json");
    connection.send(puback(packetId));
    await bench.clock.settle();
    expect(sent.status).toBe("resolved");
    void events.publish("t", { n: 2 }, { contentType: "own" });
    expect((await connection.expect(PacketType.Publish)).properties.toObject().contentType).toBe("own");
    void client.typed(later).publish("t", { n: 3 });
    expect((await connection.expect(PacketType.Publish)).properties.toObject()).toEqual({});
    await bench.end(client);
  });

  it("sends nothing that can't be encoded", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const bad = client.typed<unknown>({
      encode: () => 5 as never,
      decode: () => undefined,
    });
    const outcomes = [follow(client.typed(codec).publish("t", {} as Event)), follow(bad.publish("t", 1))];
    await connection.expectNone({ within: 10 });
    expect(outcomes[0]?.error).toMatchObject({
      code: "ENCODE_FAILED",
      delivery: "not-sent",
      cause: { message: "n is missing" },
    });
    expect(outcomes[1]?.error).toMatchObject({ code: "INVALID_FIELD", field: "payload" });
    await bench.end(client);
  });

  for (const [name, chosen] of [
    ["a codec", codec],
    ["a codec that decodes asynchronously", later],
  ] as const) {
    it(`gives values in order with ${name}; what can't be decoded is logged, acked and dropped [parity 192]`, async () => {
      const bench = new Bench();
      const { client, connection } = await bench.connect();
      const subscribing = client.typed(chosen).subscribe("t", { qos: 1 });
      await grant(connection);
      const sub = await bench.clock.run(subscribing);
      expectTypeOf(sub).toEqualTypeOf<TypedSubscription<Event, TopicParameters<"t">>>();
      const got: number[] = [];
      const loop = follow(
        (async () => {
          for await (const message of sub) {
            expectTypeOf(message).toEqualTypeOf<TypedMessage<Event, TopicParameters<"t">>>();
            got.push(message.value.n);
            message.ack();
          }
        })(),
      );
      for (const [index, payload] of ['{"n":1}', "nonsense", "{}", "\u0000", '{"n":2}'].entries()) {
        connection.send(publish("t", payload, { qos: 1, packetId: index + 1 }));
      }
      for (let id = 1; id <= 5; id++) await connection.expect(puback(id));
      await bench.clock.settle();
      expect(got).toEqual([1, 2]);
      expect(bench.log).toHaveLength(1); // at most one a second
      await bench.end(client);
      await bench.clock.settle();
      expect(loop.status).toBe("resolved");
    });
  }

  it("a message shows all of what it came from", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const subscribing = client.typed(codec).subscribeQueue("#", { qos: 1 });
    await grant(connection);
    const queue = await bench.clock.run(subscribing);
    connection.send(
      publish("a/b", '{"n":1}', {
        qos: 1,
        packetId: 9,
        retain: true,
        duplicate: true,
        properties: { contentType: "c" },
      }),
    );
    await bench.clock.settle();
    expect(queue.size).toBe(1);
    const message = queue.tryDequeue() as TypedMessage<Event>;
    expect(message).toMatchObject({ topic: "a/b", qos: 1, retain: true, duplicate: true, value: { n: 1 } });
    expect(message.properties.toObject()).toEqual({ contentType: "c" });
    expect(decodeUtf8(message.payload)).toBe('{"n":1}');
    message.reject(0x83);
    await connection.expect(puback(9, 0x83));
    await bench.end(client);
  });

  it("a queue skips what can't be decoded, also when it is asked now", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const subscribing = client.typed(codec).subscribeQueue("t", { qos: 1 });
    await grant(connection);
    const queue = await bench.clock.run(subscribing);
    for (const [index, payload] of ["bad", '{"n":1}', "bad", '{"n":2}'].entries()) {
      connection.send(publish("t", payload, { qos: 1, packetId: index + 1 }));
    }
    await bench.clock.settle();
    expect(queue.tryDequeue()?.value).toEqual({ n: 1 });
    expect((await queue.dequeue())?.value).toEqual({ n: 2 });
    expect(queue.tryDequeue()).toBeUndefined();
    const waiting = follow(queue.dequeue());
    await bench.clock.run(client.disconnect());
    await bench.clock.settle();
    expect(waiting).toMatchObject({ status: "resolved", value: undefined });
  });

  it("tryDequeue with a codec that decodes asynchronously throws, and the message is still there", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const subscribing = client.typed(later).subscribeQueue("t", { qos: 1 });
    await grant(connection);
    const queue = await bench.clock.run(subscribing);
    connection.send(publish("t", '{"n":1}', { qos: 1, packetId: 1 }), publish("t", '{"n":2}', { qos: 1, packetId: 2 }));
    await bench.clock.settle();
    expect(() => queue.tryDequeue()).toThrow(expect.objectContaining({ code: "DECODE_FAILED" }));
    expect(queue.size).toBe(2);
    for (const n of [1, 2]) {
      const message = await queue.dequeue();
      expect(message?.value).toEqual({ n });
      message?.ack();
    }
    await connection.expect(puback(1));
    await connection.expect(puback(2));
    await bench.end(client);
  });

  it("a handler gets values, is acked when it returns, and refused when it fails", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const got: number[] = [];
    const subscribing = client.typed(codec).subscribeCallback(
      "t",
      (message) => {
        got.push(message.value.n);
        if (message.value.n === 2) throw new Error("handler");
      },
      { qos: 1 },
    );
    await grant(connection);
    const sub = await bench.clock.run(subscribing);
    for (const [index, payload] of ['{"n":1}', "bad", '{"n":2}', '{"n":3}'].entries()) {
      connection.send(publish("t", payload, { qos: 1, packetId: index + 1 }));
    }
    for (const [id, code] of [
      [1, 0],
      [2, 0],
      [3, 0x80],
      [4, 0],
    ] as const)
      await connection.expect(puback(id, code));
    expect(got).toEqual([1, 2, 3]);
    const leaving = follow(sub.unsubscribe());
    await confirm(connection);
    await bench.clock.settle();
    expect(leaving.status).toBe("resolved");
    await bench.end(client);
  });

  it("a loop that breaks while a message is awaited unsubscribes, and a return ends the wait", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const subscribing = client.typed(codec).subscribe("t");
    await grant(connection);
    const sub = await bench.clock.run(subscribing);
    expect([sub.granted.length, sub.refused.length, sub.pending]).toEqual([1, 0, 0]);
    const iterator = sub[Symbol.asyncIterator]();
    const waiting = follow(iterator.next());
    await iterator.return?.();
    await bench.clock.settle();
    expect(waiting.value).toEqual({ done: true, value: undefined });
    await confirm(connection);
    expect(await sub.closed).toEqual({ reason: "unsubscribed" });
    const refused = follow(client.typed(codec).subscribe("t"));
    await grant(connection, 0x87);
    await bench.clock.settle();
    expect(codeOf(refused.error)).toBe("SUBSCRIBE_REFUSED");
    await bench.end(client);
  });
});
