// SPDX-License-Identifier: Apache-2.0
// Where `bufferSize` and `overflow` deliberately replace what the reference does: docs/porting.md says why.
import { encode } from "@mqttv5/wire";
import { describe, expect, test } from "vitest";
import { Bench, grant, publish } from "./bench.js";

const DEFAULT = 65_536;

test("a stream, a queue and a handler buffer 65,536 messages unless told otherwise, where the reference has 64 for a channel; Infinity is no bound [parity 147]", async () => {
  const frame = encode(publish("a", ""));
  const count = DEFAULT + 3;
  const bytes = new Uint8Array(count * frame.length);
  for (let n = 0; n < count; n++) bytes.set(frame, n * frame.length);
  const dropped = { stream: 0, queue: 0, handler: 0, unbounded: 0, five: 0 };
  const bench = new Bench();
  const { client, connection } = await bench.connect();
  const never = new Promise<void>(() => {});
  const subscribing = [
    client.subscribe("a", { onDrop: () => void dropped.stream++ }),
    client.subscribeQueue("a", { onDrop: () => void dropped.queue++ }),
    client.subscribeQueue("a", { onDrop: () => void dropped.unbounded++, bufferSize: Number.POSITIVE_INFINITY }),
    client.subscribeQueue("a", { onDrop: () => void dropped.five++, bufferSize: 5 }),
    client.subscribeCallback("a", () => never, { onDrop: () => void dropped.handler++ }),
  ] as const;
  for (let n = 0; n < subscribing.length; n++) await grant(connection);
  const [stream, queue, unbounded, five] = await bench.clock.run(Promise.all(subscribing));
  connection.send(bytes);
  await bench.clock.settle();
  expect([stream.pending, queue.size, unbounded.size, five.size]).toEqual([DEFAULT, DEFAULT, count, 5]);
  // One is in the handler's hands.
  expect(dropped).toEqual({ stream: 3, queue: 3, handler: 2, unbounded: 0, five: count - 5 });
  await bench.end(client);
});

describe("drop-oldest [parity 151]", () => {
  for (const qos of [0, 1, 2] as const) {
    test(`at QoS ${qos} is allowed for a stream and a handler as for a queue, where the reference rejects it for a channel`, async () => {
      const bench = new Bench();
      const { client, connection } = await bench.connect();
      const options = { qos, overflow: "drop-oldest", bufferSize: 2 } as const;
      const got: Record<string, string[]> = { stream: [], queue: [], handler: [], other: [] };
      const subscribing = [
        client.subscribe("a", options),
        client.subscribeQueue("a", options),
        client.subscribeQueue("a", { qos, bufferSize: 2 }), // says nothing: no default of the client's makes it drop-oldest
      ] as const;
      for (let n = 0; n < 3; n++) await grant(connection);
      let release = (): void => {};
      const released = new Promise<void>((resolve) => {
        release = resolve;
      });
      const handling = client.subscribeCallback(
        "a",
        (message) => {
          got.handler?.push(message.text());
          return released;
        },
        options,
      );
      await grant(connection);
      const [stream, queue, other] = await bench.clock.run(Promise.all(subscribing));
      await bench.clock.run(handling);
      connection.send(
        ...["1", "2", "3", "4", "5"].map((text, n) => publish("a", text, { qos, packetId: qos === 0 ? 0 : n + 1 })),
      );
      await bench.clock.settle();
      release();
      const read = async (): Promise<void> => {
        for await (const message of stream) {
          got.stream?.push(message.text());
          if (got.stream?.length === 2) return;
        }
      };
      const reading = read();
      for (let m = queue.tryDequeue(); m !== undefined; m = queue.tryDequeue()) got.queue?.push(m.text());
      for (let m = other.tryDequeue(); m !== undefined; m = other.tryDequeue()) got.other?.push(m.text());
      await bench.clock.settle();
      await bench.clock.run(reading);
      expect(got).toEqual({
        stream: ["4", "5"],
        queue: ["4", "5"],
        handler: ["1", "4", "5"], // the first was in hand
        other: qos === 0 ? ["1", "2"] : ["1", "2", "3", "4", "5"],
      });
      connection.discard();
      await bench.end(client);
    });
  }
});
