// SPDX-License-Identifier: Apache-2.0
import { PacketType } from "@mqttv5/wire";
import type { FaultyLink, ScriptedConnection } from "@mqttv5/testing";
import { describe, expect, it } from "vitest";
import { Bench, publish } from "./bench.js";

const { Pingreq, Pingresp, Publish } = PacketType;

/** Answers pings and lets other packets pass for a while; gives when each PINGREQ came. */
async function serve(
  bench: Bench,
  connection: ScriptedConnection,
  duration: number,
  options: { answer?: boolean; every?: number; act?: () => void } = {},
): Promise<number[]> {
  const { answer = true, every = 10, act } = options;
  const pings: number[] = [];
  const start = bench.clock.now();
  while (bench.clock.now() - start < duration) {
    act?.();
    await bench.clock.advance(every);
    for (;;) {
      const packet = await connection.next({ within: 0 }).catch(() => undefined);
      if (packet === undefined) break;
      if (packet.type !== Pingreq) continue;
      pings.push(bench.clock.now() - start);
      if (answer) connection.send({ type: Pingresp });
    }
  }
  return pings;
}

describe("keep-alive", () => {
  it("asks with PINGREQ whenever the line was quiet for the interval [MQTT-3.1.2-20]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ keepAlive: 1 });
    expect(await serve(bench, connection, 3500)).toEqual([1000, 2000, 3000]);
    expect(client.state.status).toBe("connected");
    expect(client.stats().pingTimeouts).toBe(0);
    await bench.end(client);
  });

  // What comes in, what goes out -> when it has to ask.
  for (const [incoming, outgoing, expected] of [
    [true, true, []],
    [true, false, [1000, 2000, 3000]],
    [false, true, [1000, 2000, 3000]],
    [false, false, [1000, 2000, 3000]],
  ] as const) {
    it(`with ${incoming ? "traffic" : "silence"} in and ${outgoing ? "traffic" : "silence"} out sends ${expected.length} pings in 3.5 s [parity 158]`, async () => {
      const bench = new Bench();
      const { client, connection } = await bench.connect({ keepAlive: 1 });
      const act = (): void => {
        if (incoming) connection.send(publish("in", ""));
        if (outgoing) void client.publish("out");
      };
      expect(await serve(bench, connection, 3500, { every: 100, act })).toEqual(expected);
      expect(client.state.status).toBe("connected");
      await bench.end(client);
    });
  }

  it("takes any packet as the answer [parity 159]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ keepAlive: 1, pingTimeout: 500 });
    for (let round = 0; round < 3; round++) {
      await connection.expect(Pingreq, { within: 1500 });
      await bench.clock.advance(400);
      connection.send(publish("in", ""));
      await bench.clock.advance(0);
    }
    expect(client.state.status).toBe("connected");
    await bench.end(client);
  });

  it("notices a half-open connection within keepAlive + pingTimeout, idle or sending [parity 160]", async () => {
    for (const sending of [false, true]) {
      const bench = new Bench();
      const { client, connection } = await bench.connect({ keepAlive: 10, pingTimeout: 3000 });
      (connection.link as FaultyLink).stall(); // nothing of the broker's arrives any more
      const start = bench.clock.now();
      const act = (): void => {
        if (sending && client.state.status === "connected") void client.publish("out");
      };
      let noticed = -1;
      while (noticed === -1 && bench.clock.now() - start < 20_000) {
        act();
        await bench.clock.advance(100);
        if (client.state.status !== "connected") noticed = bench.clock.now() - start;
      }
      expect(noticed).toBe(13_000);
      expect(client.state).toMatchObject({ status: "waiting", reason: { code: "KEEP_ALIVE_TIMEOUT" } });
      expect(client.stats()).toMatchObject({ pingTimeouts: 1, disconnects: 1 });
      const next = await bench.peer.acceptResume();
      await bench.clock.settle();
      expect(client.state.status).toBe("connected");
      await next.expectNone();
      await bench.end(client);
    }
  });

  it("follows Server Keep Alive, up, down and off; the ping timeout stays below it [parity 161] [MQTT-3.1.2-21] [MQTT-3.2.2-21]", async () => {
    for (const [keepAlive, serverKeepAlive, firstPing] of [
      [60, 2, 2000],
      [1, 3, 3000],
      [false, 2, 2000],
    ] as const) {
      const bench = new Bench();
      const { client, connection } = await bench.connect(
        { keepAlive },
        { connack: { properties: { serverKeepAlive } } },
      );
      expect(client.serverInfo?.keepAlive).toBe(serverKeepAlive);
      expect((await serve(bench, connection, 3500)).at(0)).toBe(firstPing);
      (connection.link as FaultyLink).stall();
      await bench.clock.advance(serverKeepAlive * 1500 + 1);
      expect(client.state.status).not.toBe("connected");
      await bench.end(client);
    }
    const bench = new Bench();
    const { client, connection } = await bench.connect(
      { keepAlive: 1 },
      { connack: { properties: { serverKeepAlive: 0 } } },
    );
    await connection.expectNone({ within: 100_000 });
    expect(bench.clock.pending).toBe(0);
    await bench.end(client);
  });

  it("switched off sends nothing and has no timer", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ keepAlive: false }, { connect: { keepAlive: 0 } });
    expect(bench.clock.pending).toBe(0);
    await connection.expectNone({ within: 1_000_000 });
    await bench.end(client);
  });

  it("has one timer, however many packets pass", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ keepAlive: 10 });
    for (let n = 0; n < 100; n++) {
      void client.publish("out");
      connection.send(publish("in", ""));
      await bench.clock.settle();
    }
    expect(bench.clock.pending).toBe(1);
    await bench.end(client);
  });

  it("runs while the link is full", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ keepAlive: 10, pingTimeout: 3000 });
    connection.remote?.stall();
    void client.publish("t", "x".repeat(1_000_000)).catch(() => {});
    await bench.clock.advance(12_999);
    expect(client.state.status).toBe("connected");
    await bench.clock.advance(1);
    expect(client.state).toMatchObject({ status: "waiting", reason: { code: "KEEP_ALIVE_TIMEOUT" } });
    await bench.end(client);
  });

  it("answers come late but in time, again and again", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ keepAlive: 2, pingTimeout: 1999 });
    for (let round = 0; round < 20; round++) {
      await connection.expect(Pingreq, { within: 2000 });
      await bench.clock.advance(1990);
      connection.send({ type: Pingresp });
      await bench.clock.advance(0);
      expect(client.state.status).toBe("connected");
    }
    await bench.end(client);
  });

  it("an unasked PINGRESP does nothing", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    connection.send({ type: Pingresp }, { type: Pingresp });
    void client.publish("t");
    await connection.expect(Publish);
    expect(client.stats().protocolErrors).toBe(0);
    await bench.end(client);
  });
});
