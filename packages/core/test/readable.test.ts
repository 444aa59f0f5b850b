// SPDX-License-Identifier: Apache-2.0
import { PacketType } from "@mqttv5/wire";
import { describe, expect, expectTypeOf, it } from "vitest";
import type { Codec, DropReason, Filters, Message, SubscribeOptions } from "../src/index.js";
import { Bench, codeOf, confirm, follow, grant, puback, publish } from "./bench.js";

const text: Codec<string> = {
  encode: (value) => new TextEncoder().encode(value),
  decode: (payload) => new TextDecoder().decode(payload),
};

async function setUp(options?: SubscribeOptions, filters: Filters = "a") {
  const bench = new Bench();
  const { client, connection } = await bench.connect();
  const subscribing = client.subscribe(filters, options);
  await grant(connection);
  return { bench, client, connection, sub: await bench.clock.run(subscribing) };
}

describe("a subscription's readable", () => {
  it("gives messages as they are read, and takes none before", async () => {
    const { bench, client, connection, sub } = await setUp({ qos: 1 });
    const { readable } = sub;
    expect(sub.readable).toBe(readable);
    connection.send(publish("a", "1"), publish("a", "2", { qos: 1, packetId: 1 }));
    await bench.clock.settle();
    expect(sub.pending).toBe(2);
    const reader = readable.getReader();
    expect((await reader.read()).value?.text()).toBe("1");
    await bench.clock.settle();
    expect(sub.pending).toBe(1);
    (await reader.read()).value?.ack();
    await connection.expect(puback(1));
    await bench.end(client);
    expect(await reader.read()).toEqual({ done: true, value: undefined });
  });

  it("unsubscribes when it is cancelled, also while a read waits; what waits unread is acked and reported", async () => {
    const dropped: DropReason[] = [];
    const { bench, client, connection, sub } = await setUp({ qos: 1, onDrop: (_, reason) => dropped.push(reason) });
    const reader = sub.readable.getReader();
    const reading = follow(reader.read());
    await bench.clock.settle();
    expect(reading.status).toBe("pending");
    await bench.clock.run(reader.cancel());
    expect(reading.value).toEqual({ done: true, value: undefined });
    expect((await confirm(connection)).filters).toEqual(["a"]);
    expect((await sub.closed).reason).toBe("unsubscribed");
    await bench.end(client);

    const second = await setUp({ qos: 1, onDrop: (_, reason) => dropped.push(reason) });
    second.connection.send(publish("a", "1", { qos: 1, packetId: 1 }));
    await second.bench.clock.settle();
    await second.bench.clock.run(second.sub.readable.cancel());
    await second.connection.expect(puback(1));
    expect(dropped).toEqual(["unsubscribed"]);
    await second.bench.end(second.client);
  });

  it("acks what was on its way to a reader who cancels", async () => {
    const { bench, client, connection, sub } = await setUp({ qos: 1 });
    const reader = sub.readable.getReader();
    const reading = follow(reader.read());
    connection.send(publish("a", "1", { qos: 1, packetId: 1 }));
    await bench.clock.settle();
    expect(reading.status).toBe("resolved");
    reading.value?.value?.ack();
    await connection.expect(puback(1));
    await bench.clock.run(reader.cancel());
    await bench.end(client);
  });

  it("works with pipelines and for await, and ends as a loop does", async () => {
    const { bench, client, connection, sub } = await setUp();
    const got: string[] = [];
    const loop = follow(
      (async () => {
        for await (const message of sub.readable as AsyncIterable<Message>) got.push(message.text());
      })(),
    );
    connection.send(publish("a", "1"), publish("a", "2"));
    await bench.clock.settle();
    await bench.end(client);
    expect(loop.status).toBe("resolved");
    expect(got).toEqual(["1", "2"]);
  });

  it("fails if the subscription is refused", async () => {
    const bench = new Bench();
    const client = bench.client();
    const sub = await client.subscribe("a");
    const reading = follow(sub.readable.getReader().read());
    const connecting = client.connect();
    const connection = await bench.peer.acceptConnect();
    await grant(connection, 0x87);
    await bench.clock.run(connecting);
    await bench.clock.settle();
    expect(codeOf(reading.error)).toBe("SUBSCRIBE_REFUSED");
    await bench.end(client);
  });

  it("of a typed subscription gives values", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const subscribing = client.typed(text).subscribe("a/{x}");
    await grant(connection);
    const sub = await bench.clock.run(subscribing);
    const reader = sub.readable.getReader();
    connection.send(publish("a/1", "v"));
    await bench.clock.settle();
    const { value } = await reader.read();
    expectTypeOf(value?.params).toEqualTypeOf<{ readonly x: string } | undefined>();
    expect([value?.value, value?.params.x]).toEqual(["v", "1"]);
    await bench.clock.run(reader.cancel());
    await connection.expect(PacketType.Unsubscribe);
    await bench.end(client);
  });
});
