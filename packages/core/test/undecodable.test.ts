// SPDX-License-Identifier: Apache-2.0
// A payload that the codec can't decode: what the broker, the log, the counters, the hook and the consumer see of it.
import { PacketType, type QoS } from "@mqttv5/wire";
import type { ScriptedConnection } from "@mqttv5/testing";
import { describe, expect, it } from "vitest";
import { type Codec, type Message, text, type Typed, type TypedOptions } from "../src/index.js";
import { Bench, follow, grant, puback, pubcomp, publish, pubrec, pubrel } from "./bench.js";

const { Pubrec } = PacketType;

/** Text that does not start with an exclamation mark. */
const codec: Codec<string> = {
  encode: (value) => text().encode(value),
  decode(payload) {
    const value = text().decode(payload) as string;
    if (value.startsWith("!")) throw new TypeError(`${value} is none of ours`);
    return value;
  },
};
const later: Codec<string> = { encode: codec.encode, decode: async (payload) => codec.decode(payload) };

/** Takes what comes on `t`, acks it and notes it in `got`. */
type Consumer = (typed: Typed<string>, got: string[], qos: QoS) => Promise<unknown>;

const consumers: Readonly<Record<string, Consumer>> = {
  async iterator(typed, got, qos) {
    for await (const message of await typed.subscribe("t", { qos })) {
      got.push(message.value);
      message.ack();
    }
  },
  async stream(typed, got, qos) {
    for await (const message of (await typed.subscribe("t", { qos })).readable) {
      got.push(message.value);
      message.ack();
    }
  },
  async queue(typed, got, qos) {
    const queue = await typed.subscribeQueue("t", { qos });
    for (;;) {
      const message = await queue.dequeue();
      if (message === undefined) return;
      got.push(message.value);
      message.ack();
    }
  },
  callback: (typed, got, qos) => typed.subscribeCallback("t", ({ value }) => void got.push(value), { qos }),
  respond: (typed, got, qos) => typed.respond("t", ({ value }) => void got.push(value), { qos, concurrency: 1 }),
};

interface Stage {
  readonly bench: Bench;
  readonly connection: ScriptedConnection;
  readonly got: string[];
  /** Whether the consumer is as it should be: not ended, or ended without an error. */
  readonly end: () => Promise<void>;
  readonly stats: () => readonly number[];
}

async function staged(consumer: Consumer, options: TypedOptions = {}, qos: QoS = 2, of = codec): Promise<Stage> {
  const bench = new Bench();
  const { client, connection } = await bench.connect();
  const got: string[] = [];
  const consuming = follow(consumer(client.typed(of, options), got, qos));
  await grant(connection, qos);
  await bench.clock.settle();
  return {
    bench,
    connection,
    got,
    async end() {
      expect(consuming.status).not.toBe("rejected");
      await bench.end(client);
      await bench.clock.settle();
      expect(consuming.status).toBe("resolved");
    },
    stats() {
      const { inboundDropped, inboundDroppedUndecodable } = client.stats();
      return [inboundDropped, inboundDroppedUndecodable];
    },
  };
}

/** Good, bad, good. */
function threeOf(qos: QoS) {
  return ["1", "!", "2"].map((payload, index) =>
    publish("t", payload, qos === 0 ? {} : { qos, packetId: index + 1, properties: { responseTopic: "r" } }),
  );
}

for (const [name, consumer] of Object.entries(consumers)) {
  describe(`the ${name} of a typed client`, () => {
    for (const [kind, of] of [
      ["a codec", codec],
      ["an asynchronous codec", later],
    ] as const) {
      for (const qos of [0, 1, 2] as const) {
        for (const undecodable of ["ack", "reject"] as const) {
          const code = undecodable === "ack" ? 0 : 0x99;
          it(`goes on behind what ${kind} can't decode at QoS ${qos}: logged, ${undecodable}ed, counted, told [parity 192]`, async () => {
            const told: string[] = [];
            const onDecodeError = (message: Message, error: unknown): void => {
              told.push(`${message.topic} ${message.text()} QoS ${message.qos} ${String(error)}`);
            };
            const { bench, connection, got, end, stats } = await staged(
              consumer,
              { undecodable, onDecodeError },
              qos,
              of,
            );
            connection.send(...threeOf(qos));
            await bench.clock.settle();
            if (qos === 1) for (const id of [1, 2, 3]) await connection.expect(puback(id, id === 2 ? code : 0));
            if (qos === 2) {
              for (const id of [1, 2, 3]) await connection.expect(pubrec(id, id === 2 ? code : 0));
              for (const id of [1, 2, 3].filter((id) => id !== 2 || code === 0)) {
                connection.send(pubrel(id));
                await connection.expect(pubcomp(id));
              }
            }
            await connection.expectNone({ within: 10 });
            expect(got).toEqual(["1", "2"]);
            expect(told).toEqual([`t ! QoS ${qos} TypeError: ! is none of ours`]);
            expect(bench.log).toEqual(["A message on t could not be decoded and was dropped"]);
            expect(stats()).toEqual([1, 1]);
            await end();
          });
        }
      }
    }

    it("goes on when onDecodeError throws or rejects, and that is logged", async () => {
      let failures = 0;
      const onDecodeError = (): Promise<void> => {
        failures++;
        if (failures === 1) throw new Error("at once");
        return Promise.reject(new Error("later"));
      };
      const { bench, connection, got, end } = await staged(consumer, { onDecodeError }, 1);
      connection.send(...["!", "!", "1"].map((payload, at) => publish("t", payload, { qos: 1, packetId: at + 1 })));
      for (const id of [1, 2, 3]) await connection.expect(puback(id));
      await bench.clock.settle();
      expect(got).toEqual(["1"]);
      expect(bench.log.filter((line) => line === "onDecodeError failed")).toHaveLength(2);
      await end();
    });

    it("waits for an onDecodeError that takes its time, which may answer the message itself", async () => {
      const finish: (() => void)[] = [];
      const onDecodeError = async (message: Message): Promise<void> => {
        await new Promise<void>((done) => finish.push(done));
        if (message.text() === "!reject") message.reject(0x83);
      };
      const { bench, connection, got, end } = await staged(consumer, { onDecodeError }, 1);
      connection.send(
        ...["!", "!reject", "1"].map((payload, at) => publish("t", payload, { qos: 1, packetId: at + 1 })),
      );
      await connection.expectNone({ within: 10 });
      expect([finish.length, got]).toEqual([1, []]);
      finish[0]?.();
      await connection.expect(puback(1));
      await connection.expectNone({ within: 10 });
      finish[1]?.();
      await connection.expect(puback(2, 0x83));
      await connection.expect(puback(3));
      await bench.clock.settle();
      expect(got).toEqual(["1"]);
      await end();
    });
  });
}

describe("a typed client", () => {
  it("tryDequeue skips what can't be decoded, and does not wait for onDecodeError", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    let finish = (): void => {};
    const onDecodeError = (): Promise<void> => new Promise((done) => (finish = done));
    const subscribing = client.typed(codec, { onDecodeError, undecodable: "reject" }).subscribeQueue("t", { qos: 2 });
    await grant(connection, 2);
    const queue = await bench.clock.run(subscribing);
    connection.send(...threeOf(2).slice(1));
    await bench.clock.settle();
    const message = queue.tryDequeue();
    expect(message?.value).toBe("2");
    expect(queue.tryDequeue()).toBeUndefined();
    message?.ack();
    await connection.expectNone({ within: 10 }); // acks leave in order of arrival
    finish();
    await connection.expect(pubrec(2, 0x99));
    await connection.expect({ type: Pubrec, packetId: 3, reasonCode: 0 });
    expect(client.stats()).toMatchObject({ inboundDropped: 1, inboundDroppedUndecodable: 1 });
    await bench.end(client);
  });

  it("logs at most once a second, and then how many it did not", async () => {
    const { bench, connection, end, stats } = await staged(consumers["callback"] as Consumer, {}, 0);
    const bad = publish("t", "!");
    connection.send(...Array(1000).fill(bad));
    await bench.clock.settle();
    expect(bench.log).toHaveLength(1);
    await bench.clock.advance(999);
    connection.send(bad);
    await bench.clock.settle();
    expect(bench.log).toHaveLength(1);
    await bench.clock.advance(1);
    connection.send(bad);
    await bench.clock.settle();
    await bench.clock.advance(1000);
    connection.send(bad);
    await bench.clock.settle();
    expect(bench.log).toEqual([
      "A message on t could not be decoded and was dropped",
      "A message on t could not be decoded and was dropped, as 1000 others since the last such line",
      "A message on t could not be decoded and was dropped",
    ]);
    expect(stats()).toEqual([1003, 1003]);
    await end();
  });

  it("a response that can't be decoded rejects, and is no dropped message", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    let told = 0;
    const typed = client.typed(codec, { onDecodeError: () => void told++ });
    const asking = follow(typed.request("ask", "question"));
    await grant(connection);
    const { properties } = await connection.expect(PacketType.Publish);
    const { responseTopic = "", correlationData } = properties;
    connection.send(publish(responseTopic, "!", { properties: { correlationData } }));
    await bench.clock.settle();
    expect(asking.error).toMatchObject({ code: "DECODE_FAILED", cause: { message: "! is none of ours" } });
    expect([told, client.stats().inboundDropped]).toEqual([0, 0]);
    await bench.end(client);
  });

  it("names an option or a codec that is wrong", () => {
    const client = new Bench().client();
    expect(() => client.typed(codec, { undecodable: "drop" as "ack" })).toThrow(
      /undecodable is "drop": must be one of ack, reject/,
    );
    expect(() => client.typed(codec, { onDecodeError: 5 as never })).toThrow(/onDecodeError is 5: must be a function/);
    for (const wrong of [undefined, null, "json", text, {}, { encode() {} }]) {
      expect(() => client.typed(wrong as unknown as Codec<string>)).toThrow(/codec is .*: must have encode, decode/s);
    }
  });
});
