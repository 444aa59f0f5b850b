// SPDX-License-Identifier: Apache-2.0
import { PacketType } from "@mqttv5/wire";
import type { ScriptedConnection } from "@mqttv5/testing";
import { describe, expect, it } from "vitest";
import type {
  Client,
  ClientOptions,
  Message,
  SubscribeCallbackOptions,
  SubscribeOptions,
  Subscription,
} from "../src/index.js";
import { Bench, collect, follow, grant, puback, publish, pubrec } from "./bench.js";

async function subscribed(
  options: SubscribeOptions = {},
  client: Partial<ClientOptions> = {},
): Promise<{ bench: Bench; client: Client; connection: ScriptedConnection; sub: Subscription }> {
  const bench = new Bench();
  const connected = await bench.connect(client);
  const subscribing = connected.client.subscribe("#", { qos: 2, ...options });
  await grant(connected.connection);
  return { bench, ...connected, sub: await bench.clock.run(subscribing) };
}

/** Messages 1 to `count` at QoS 1, or as `qos` says. */
function send(connection: ScriptedConnection, count: number, qos: 0 | 1 | 2 = 1, from = 1): void {
  const packets = Array.from({ length: count }, (_, n) =>
    publish("t", String(from + n), { qos, packetId: qos === 0 ? 0 : from + n }),
  );
  connection.send(...packets);
}

describe("ack", () => {
  it("is the consumer's to give, is idempotent, and leaves in the order of arrival [parity 97, 143] [MQTT-4.6.0-2] [MQTT-4.6.0-3]", async () => {
    const { bench, client, connection, sub } = await subscribed();
    const held: Message[] = [];
    collect(sub, (message) => held.push(message));
    connection.send(
      publish("t", "1", { qos: 1, packetId: 1 }),
      publish("t", "2", { qos: 2, packetId: 2 }),
      publish("t", "3", { qos: 1, packetId: 3 }),
    );
    await connection.expectNone({ within: 1000 });
    held[2]?.ack();
    held[1]?.ack();
    held[1]?.ack();
    held[1]?.reject(0x87);
    await connection.expectNone({ within: 100 });
    held[0]?.ack();
    await connection.expect(puback(1));
    await connection.expect(pubrec(2));
    await connection.expect(puback(3));
    held[0]?.ack();
    await connection.expectNone({ within: 100 });
    await bench.end(client);
  });

  it("of a QoS 0 message does nothing", async () => {
    const { bench, client, connection, sub } = await subscribed();
    const { got } = collect(sub, (message) => {
      message.ack();
      message.reject(0x80);
    });
    send(connection, 1, 0);
    await connection.expectNone({ within: 100 });
    expect(got).toEqual(["t=1"]);
    await bench.end(client);
  });

  it("waits for all who hold the message; the first refusal's code wins [parity 145] [decision 6]", async () => {
    const { bench, client, connection, sub } = await subscribed();
    const other = client.subscribe("t", { qos: 1 });
    await grant(connection);
    const held: Message[] = [];
    collect(sub, (message) => held.push(message));
    collect(await bench.clock.run(other), (message) => held.push(message));
    send(connection, 2);
    await bench.clock.settle();
    expect(held.map((message) => message.text()).toSorted()).toEqual(["1", "1", "2", "2"]);
    const [first, second] = ["1", "2"].map((text) => held.filter((message) => message.text() === text));
    first?.[0]?.reject(0x83);
    first?.[0]?.ack();
    await connection.expectNone({ within: 100 });
    first?.[1]?.reject(0x87);
    await connection.expect(puback(1, 0x83));
    second?.[0]?.ack();
    await connection.expectNone({ within: 100 });
    second?.[1]?.ack();
    await connection.expect(puback(2));
    await bench.end(client);
  });

  it("may be a refusal, with any code that a client may send and no other [MQTT-3.4.2-1] [MQTT-3.5.2-1]", async () => {
    const { bench, client, connection, sub } = await subscribed();
    const held: Message[] = [];
    collect(sub, (message) => held.push(message));
    const codes = [0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99];
    for (const [index, reasonCode] of codes.entries()) {
      const qos = index % 2 === 0 ? 1 : 2;
      connection.send(publish("t", "", { qos, packetId: 1 }));
      await bench.clock.settle();
      const message = held.pop();
      for (const bad of [0, 0x10, 0x81, 0x92, 0xff, 128.5, Number.NaN, "128" as never]) {
        expect(() => message?.reject(bad)).toThrow(
          expect.objectContaining({ code: "INVALID_FIELD", field: "reasonCode" }),
        );
      }
      message?.reject(reasonCode);
      await connection.expect(qos === 1 ? puback(1, reasonCode) : pubrec(1, reasonCode));
    }
    await bench.end(client);
  });

  it("comes on arrival with autoAck; later ones do nothing [parity 143]", async () => {
    const { bench, client, connection, sub } = await subscribed({ autoAck: true });
    send(connection, 2);
    await connection.expect(puback(1));
    await connection.expect(puback(2));
    expect(sub.pending).toBe(2);
    const { got } = collect(sub, (message) => message.reject(0x80));
    await connection.expectNone({ within: 100 });
    expect(got).toEqual(["t=1", "t=2"]);
    await bench.end(client);
  });

  it("of more than our Receive Maximum is the broker's fault: 0x93, and nothing is lost [parity 101]", async () => {
    const { bench, client, connection, sub } = await subscribed({}, { receiveMaximum: 2 });
    const { got } = collect(sub, () => {});
    send(connection, 3);
    await connection.expect({ type: PacketType.Disconnect, reasonCode: 0x93 });
    await connection.expectClosed();
    expect(got).toEqual(["t=1", "t=2"]);
    expect(client.stats().protocolErrors).toBe(1);
    const next = await bench.peer.acceptResume();
    await next.expectNone({ within: 100 });
    await bench.end(client);
  });
});

describe("the payload", () => {
  it("is text or JSON, or an error that says what is wrong with it", async () => {
    const { bench, client, connection, sub } = await subscribed();
    const messages: Message[] = [];
    collect(sub, (message) => messages.push(message));
    connection.send(publish("t", '{"a":[1]}'), publish("t", "\ufeffno json"));
    await bench.clock.settle();
    expect(messages[0]?.json()).toEqual({ a: [1] });
    expect(messages[1]?.text()).toBe("\ufeffno json");
    expect(() => messages[1]?.json()).toThrow(expect.objectContaining({ code: "DECODE_FAILED" }));
    const queueing = client.subscribeQueue("#");
    await grant(connection);
    const queue = await bench.clock.run(queueing);
    await bench.clock.run(sub.unsubscribe().catch(() => {}));
    connection.send({ ...publish("t", ""), payload: Uint8Array.of(0xff) });
    await bench.clock.settle();
    const message = await queue.dequeue();
    expect(() => message?.text()).toThrow(expect.objectContaining({ code: "DECODE_FAILED" }));
    expect(() => message?.json()).toThrow(expect.objectContaining({ code: "DECODE_FAILED" }));
    await bench.end(client);
  });
});

describe("a slow consumer", () => {
  it("that holds never loses QoS 1 and 2; the newest QoS 0 is dropped and reported [parity 148, 149, 152]", async () => {
    const dropped: string[] = [];
    const { bench, client, connection, sub } = await subscribed({
      bufferSize: 2,
      onDrop: (message, reason) => dropped.push(`${message.topic} ${message.text()} ${reason}`),
    });
    send(connection, 2, 1);
    send(connection, 3, 0, 100);
    send(connection, 5, 2, 3);
    await connection.expectNone({ within: 100 });
    expect(dropped).toEqual(["t 100 overflow", "t 101 overflow", "t 102 overflow"]);
    expect(client.stats().inboundDropped).toBe(3);
    expect(sub.pending).toBe(7);
    const { got } = collect(sub);
    await bench.clock.settle();
    expect(got).toEqual([1, 2, 3, 4, 5, 6, 7].map((n) => `t=${n}`));
    await bench.end(client);
  });

  it("may drop the newest at every QoS, after the hook has read it [parity 152]", async () => {
    const dropped: string[] = [];
    const { bench, client, connection, sub } = await subscribed({
      overflow: "drop-newest",
      bufferSize: 2,
      onDrop: (message, reason) => dropped.push(`${message.text()} ${reason}`),
    });
    send(connection, 4);
    await connection.expectNone({ within: 100 }); // acked, behind those that are held
    expect(dropped).toEqual(["3 overflow", "4 overflow"]);
    const { got } = collect(sub);
    for (let id = 1; id <= 4; id++) await connection.expect(puback(id));
    expect(got).toEqual(["t=1", "t=2"]);
    await bench.end(client);
  });

  it("may drop the oldest at every QoS, acked", async () => {
    const dropped: string[] = [];
    const { bench, client, connection, sub } = await subscribed({
      overflow: "drop-oldest",
      bufferSize: 2,
      onDrop: (message, reason) => dropped.push(`${message.text()} ${reason}`),
    });
    send(connection, 4);
    await connection.expect(puback(1));
    await connection.expect(puback(2));
    expect(dropped).toEqual(["1 overflow", "2 overflow"]);
    const { got } = collect(sub);
    await connection.expect(puback(3));
    await connection.expect(puback(4));
    expect(got).toEqual(["t=3", "t=4"]);
    await bench.end(client);
  });

  it("with autoAck drops at QoS 1 as well [parity 150] [decision 6]", async () => {
    const dropped: string[] = [];
    const { bench, client, connection, sub } = await subscribed({
      autoAck: true,
      bufferSize: 1,
      onDrop: (message, reason) => dropped.push(`${message.text()} ${reason}`),
    });
    send(connection, 3);
    for (let id = 1; id <= 3; id++) await connection.expect(puback(id));
    expect(dropped).toEqual(["2 overflow", "3 overflow"]);
    expect(sub.pending).toBe(1);
    await bench.end(client);
  });

  it("has room for 65,536 messages unless told otherwise, and with bufferSize Infinity for any number", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const calls = [client.subscribeQueue("t"), client.subscribeQueue("t", { bufferSize: Infinity })] as const;
    await grant(connection);
    await grant(connection);
    const [queue, endless] = [await bench.clock.run(calls[0]), await bench.clock.run(calls[1])];
    connection.send(...Array.from({ length: 65_540 }, () => publish("t", "")));
    await bench.clock.settle();
    expect([queue.size, endless.size]).toEqual([65_536, 65_540]);
    expect(client.stats().inboundDroppedOverflow).toBe(4);
    await bench.end(client);
  });

  it("survives a drop hook that throws", async () => {
    const { bench, client, connection } = await subscribed({
      overflow: "drop-newest",
      bufferSize: 1,
      onDrop: () => {
        throw new Error("hook");
      },
    });
    send(connection, 3);
    await connection.expectNone({ within: 100 });
    expect(client.state.status).toBe("connected");
    expect(bench.log).toEqual(["onDrop threw", "onDrop threw"]);
    expect(client.stats().inboundDropped).toBe(2);
    await bench.end(client);
  });

  it("whose drop hook unsubscribes has everything acked", async () => {
    for (const overflow of ["drop-oldest", "drop-newest"] as const) {
      const { bench, client, connection, sub } = await subscribed({
        overflow,
        bufferSize: 1,
        onDrop: () => {
          sub.unsubscribe().catch(() => {});
        },
      });
      send(connection, 3);
      for (let packet = await connection.next(); ; packet = await connection.next()) {
        if (packet.type === PacketType.Puback && packet.packetId === 3) break;
      }
      expect(sub.pending).toBe(0);
      await bench.end(client);
    }
  });

  it("fills memory up to the bound: then QoS 0 is dropped, and reading stops until it is emptied", async () => {
    const MIB = 1 << 20;
    const dropped: string[] = [];
    const { bench, client, connection, sub } = await subscribed(
      { onDrop: (_message, reason) => dropped.push(reason) },
      { maximumBufferedBytes: 4 * MIB, keepAlive: 10 },
    );
    for (let id = 1; id <= 7; id++) {
      connection.send({ ...publish("t", "", { qos: 1, packetId: id }), payload: new Uint8Array(MIB) });
    }
    await bench.clock.settle();
    expect(sub.pending).toBeLessThanOrEqual(5);
    expect(sub.pending).toBeGreaterThanOrEqual(4);
    connection.send({ ...publish("t", "", {}), payload: new Uint8Array(MIB) });
    // A call that needs an answer settles all the same.
    const sent = follow(client.publish("x", "", { qos: 1 }));
    const { packetId } = await connection.expect(PacketType.Publish);
    connection.send(puback(packetId));
    await bench.clock.advance(1000);
    expect(sent.status).toBe("resolved");
    // A paused link is kept alive.
    for (let beat = 0; beat < 6; beat++) {
      await connection.expect(PacketType.Pingreq, { within: 11_000 });
      connection.send({ type: PacketType.Pingresp });
      await bench.clock.settle();
    }
    expect(client.state.status).toBe("connected");
    const { got } = collect(sub);
    await bench.clock.advance(1000);
    expect(got).toHaveLength(8 - dropped.length);
    expect(dropped.every((reason) => reason === "memory")).toBe(true);
    await bench.end(client);
  });
});

describe("a handler", () => {
  async function handled(
    handler: (message: Message) => void | PromiseLike<void>,
    options: SubscribeCallbackOptions = {},
  ): Promise<{ bench: Bench; client: Client; connection: ScriptedConnection }> {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const subscribing = client.subscribeCallback("#", handler, { qos: 2, ...options });
    await grant(connection);
    await bench.clock.run(subscribing);
    return { bench, client, connection };
  }

  it("has its message acked when it returns, or when its promise resolves [parity 144]", async () => {
    const finish: (() => void)[] = [];
    const { bench, client, connection } = await handled((message) => {
      if (message.text() === "1") return undefined;
      return new Promise((resolve) => finish.push(resolve));
    });
    send(connection, 3);
    await connection.expect(puback(1));
    await connection.expectNone({ within: 100 });
    expect(finish).toHaveLength(1);
    finish[0]?.();
    await connection.expect(puback(2));
    await bench.clock.settle();
    expect(finish).toHaveLength(2);
    finish[1]?.();
    await connection.expect(puback(3));
    await bench.end(client);
  });

  it("that throws or rejects has its message refused with 0x80, and the next one comes [MQTT-4.5.0-2]", async () => {
    const got: string[] = [];
    const { bench, client, connection } = await handled((message) => {
      got.push(message.text());
      if (message.text() === "1") throw new Error("sync");
      if (message.text() === "2") return Promise.reject(new Error("async"));
      return undefined;
    });
    send(connection, 3);
    await connection.expect(puback(1, 0x80));
    await connection.expect(puback(2, 0x80));
    await connection.expect(puback(3));
    expect(got).toEqual(["1", "2", "3"]);
    expect(bench.log).toEqual(["A message handler failed", "A message handler failed"]);
    await bench.end(client);
  });

  it("may ack or refuse by itself before it ends", async () => {
    const { bench, client, connection } = await handled(
      (message) => {
        if (message.text() === "1") message.reject(0x87);
        else message.ack();
        return new Promise<void>(() => {});
      },
      { concurrency: 2 },
    );
    send(connection, 3);
    await connection.expect(puback(1, 0x87));
    await connection.expect(puback(2));
    await connection.expectNone({ within: 100 });
    await bench.end(client);
  });

  it("runs one at a time in order, or as many as allowed, with acks in order of arrival", async () => {
    for (const concurrency of [1, 3, Infinity]) {
      let running = 0;
      let most = 0;
      const started: string[] = [];
      const finish: (() => void)[] = [];
      const { bench, client, connection } = await handled(
        async (message) => {
          started.push(message.text());
          most = Math.max(most, ++running);
          await new Promise<void>((resolve) => finish.push(resolve));
          running--;
        },
        { concurrency },
      );
      send(connection, 10);
      await bench.clock.settle();
      expect(running).toBe(Math.min(10, concurrency));
      while (finish.length > 0) {
        finish.pop()?.(); // the latest first
        await bench.clock.settle();
      }
      for (let id = 1; id <= 10; id++) await connection.expect(puback(id));
      expect(started).toEqual(Array.from({ length: 10 }, (_, n) => String(n + 1)));
      expect(most).toBe(Math.min(10, concurrency));
      await bench.end(client);
    }
  });

  it("that takes long leaves keep-alive and other subscriptions alone", async () => {
    const { bench, client, connection } = await handled(() => new Promise<void>(() => {}));
    send(connection, 1);
    for (let beat = 0; beat < 5; beat++) {
      await connection.expect(PacketType.Pingreq, { within: 31_000 });
      connection.send({ type: PacketType.Pingresp });
    }
    await bench.clock.settle();
    expect(client.state.status).toBe("connected");
    await bench.end(client);
  });

  it("may publish and wait for the answer, and may disconnect", async () => {
    const outcomes: unknown[] = [];
    const { bench, client, connection } = await handled(async (message) => {
      outcomes.push(await client.publish("reply", message.text(), { qos: 1 }));
      await client.disconnect();
      outcomes.push(client.state.status);
    });
    send(connection, 1);
    const { packetId } = await connection.expect(PacketType.Publish);
    connection.send(puback(packetId));
    await connection.expect(PacketType.Disconnect);
    await connection.expectClosed();
    await bench.clock.settle();
    expect(outcomes).toMatchObject([{ reasonCode: 0 }, "closed"]);
    expect(bench.clock.pending).toBe(0);
  });

  it("that disconnects within the call has nothing sent after the DISCONNECT [MQTT-3.14.4-1]", async () => {
    const got: string[] = [];
    const { bench, client, connection } = await handled((message) => {
      got.push(message.text());
      void client.disconnect();
    });
    send(connection, 3);
    await connection.expect(PacketType.Disconnect);
    await connection.expectClosed();
    await bench.clock.settle();
    expect(got).toEqual(["1"]);
    expect(bench.clock.pending).toBe(0);
  });
});
