// SPDX-License-Identifier: Apache-2.0
// A message that the application has acked, and its answer was not written: it is not delivered again.
import { describe, expect, it } from "vitest";
import { Bench, follow, grant, puback, publish, pubrec } from "./bench.js";
import { BufferedBytes } from "../src/buffered-bytes.js";
import { MqttError } from "../src/index.js";
import { SessionBench } from "./session-bench.js";

describe("a QoS 1 message whose PUBACK was not written", () => {
  /** A session that acks at once, over a link that takes nothing yet. */
  function unwritten(records?: ConstructorParameters<typeof SessionBench>[0]): SessionBench {
    const bench = new SessionBench(records);
    bench.autoAck = true;
    bench.writes = false;
    bench.connected(true);
    return bench;
  }

  it("is not delivered again, nor answered twice, when it comes again before that [parity 99]", () => {
    const bench = unwritten({ receiveMaximum: 2 });
    bench.receive("a", 1, 1);
    for (let n = 0; n < 5; n++) bench.receive("a", 1, 1, true);
    expect(bench.take()).toEqual(["deliver a", "PUBACK 1"]);
    expect(bench.stats.inboundDuplicates).toBe(5);
    bench.session.answersHanded();
    // From here the broker may use the identifier anew; of the quota nothing was lost.
    bench.receive("b", 1, 1);
    bench.receive("c", 1, 2);
    expect(bench.take()).toEqual(["deliver b", "PUBACK 1", "deliver c", "PUBACK 2"]);
    expect(bench.session.unacked.count).toBe(0);
  });

  it("is answered and not delivered when it is sent again over the next connection, in any order of the others [parity 99]", () => {
    const bench = unwritten();
    bench.receive("a", 1, 1);
    bench.session.answersHanded();
    bench.receive("b", 1, 2);
    bench.receive("c", 1, 3);
    bench.take();
    expect(bench.session.hasState).toBe(true);
    bench.reconnected(true);
    bench.receive("b", 1, 2, true);
    bench.receive("d", 1, 4);
    bench.receive("c", 1, 3, true);
    expect(bench.take()).toEqual(["PUBACK 2", "deliver d", "PUBACK 4", "PUBACK 3"]);
    bench.session.answersHanded();
    expect(bench.session.hasState).toBe(false);
    bench.reconnected(true);
    bench.receive("a", 1, 1, true); // this one may have been written: at least once
    expect(bench.take()).toEqual(["deliver a", "PUBACK 1"]);
  });

  it("counts as held until it is answered again, and then no more", () => {
    const buffered = new BufferedBytes(1000, () => {});
    const bench = unwritten({ buffered });
    bench.receive("a", 1, 1);
    expect(buffered.held).toBe(0);
    bench.session.disconnected();
    expect(buffered.held).toBeGreaterThan(0);
    bench.connected(true);
    bench.receive("a", 1, 1, true);
    bench.session.answersHanded();
    expect(buffered.held).toBe(0);
    bench.receive("b", 1, 2);
    bench.reconnected(false);
    expect(buffered.held).toBe(0);
    bench.receive("c", 1, 3);
    bench.session.drop(({ packetId }) => new MqttError("STORE_FAILED", `${packetId}`));
    bench.session.disconnected();
    expect([buffered.held, bench.session.hasState]).toEqual([0, false]);
  });

  it("is forgotten with the session, and the next one under its identifier is delivered", () => {
    const bench = unwritten();
    bench.receive("a", 1, 1);
    bench.reconnected(false);
    expect(bench.session.hasState).toBe(false);
    bench.receive("b", 1, 1);
    expect(bench.take()).toEqual(["deliver b", "PUBACK 1"]);
  });

  it("gives way to another one under its identifier, which is no duplicate", () => {
    const bench = unwritten();
    bench.receive("a", 1, 1);
    bench.receive("b", 1, 1);
    bench.session.answersHanded();
    bench.receive("c", 2, 1);
    expect(bench.take()).toEqual(["deliver a", "PUBACK 1", "deliver b", "PUBACK 1", "deliver c", "PUBREC 1"]);
    bench.receive("d", 1, 2);
    bench.autoAck = false;
    bench.receive("e", 1, 2);
    bench.session.answersHanded(); // of the one before
    bench.delivered.at(-1)?.settle(0);
    expect(bench.take()).toEqual(["deliver d", "PUBACK 2", "deliver e", "PUBACK 2"]);
  });

  it("because it waits behind a record that is not durable, is not delivered again either [parity 99]", () => {
    const writing: (() => void)[] = [];
    const bench = unwritten({
      records: {
        put: (owner) => {
          writing.push(() => bench.session.stored(owner));
          return false;
        },
        delete: () => true,
        settle: () => true,
      },
    });
    bench.writes = true;
    bench.receive("a", 2, 1);
    bench.receive("b", 1, 2);
    expect(bench.take()).toEqual(["deliver a", "deliver b"]);
    bench.reconnected(true);
    bench.receive("a", 2, 1, true);
    bench.receive("b", 1, 2, true);
    expect(bench.take()).toEqual([]);
    for (const stored of writing) stored();
    expect(bench.take()).toEqual(["PUBREC 1", "PUBACK 2"]);
    expect(bench.session.unacked.count).toBe(0);
  });

  it("is refused again, not delivered, where it was refused [parity 99]", () => {
    for (const qos of [1, 2] as const) {
      const bench = unwritten();
      bench.autoAck = false;
      bench.receive("a", qos, 1);
      bench.delivered[0]?.settle(0x80);
      bench.reconnected(true);
      bench.receive("a", qos, 1, true);
      expect(bench.take()).toEqual([`${qos === 1 ? "PUBACK" : "PUBREC"} 1 0x80`]);
    }
  });

  it("is seen by no handler twice when the link goes down in the turn that acked it [parity 99]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const got: string[] = [];
    const subscribing = follow(
      client.subscribeCallback(
        "#",
        (message) => {
          got.push(message.text());
          if (got.length === 1) connection.cut(); // before what this read brings about can be written
        },
        { qos: 2 },
      ),
    );
    await grant(connection);
    await bench.clock.settle();
    expect(subscribing.status).toBe("resolved");
    const one = publish("t", "1", { qos: 1, packetId: 1 });
    const two = publish("t", "2", { qos: 2, packetId: 2 });
    const three = publish("t", "3", { qos: 1, packetId: 3 });
    connection.send(one, two, three);
    await bench.clock.settle();
    const next = await bench.peer.acceptConnect({ connack: { sessionPresent: true } });
    for (const packet of [one, two, three]) next.send({ ...packet, duplicate: true });
    await next.expect(puback(1));
    await next.expect(pubrec(2));
    await next.expect(puback(3));
    await next.expectNone();
    expect(got).toEqual(["1", "2", "3"]);
    expect(client.stats()).toMatchObject({ inboundDuplicates: 3, ackHeadAge: 0 });
    await bench.end(client);
  });

  it("and one whose PUBACK was, are told apart: the broker that had no use for it sends it again, and it is delivered", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const got: string[] = [];
    void client.subscribeCallback("#", (message) => void got.push(message.text()), { qos: 1 }).catch(() => {});
    await grant(connection);
    const packet = publish("t", "1", { qos: 1, packetId: 1 });
    connection.send(packet);
    await connection.expect(puback(1));
    const next = await bench.reconnect(connection);
    next.send({ ...packet, duplicate: true });
    await next.expect(puback(1));
    expect(got).toEqual(["1", "1"]); // at least once
    await bench.end(client);
  });
});

describe("a QoS 2 message that comes again after its PUBREC", () => {
  it("is answered with PUBREC again, and not delivered, on this connection and the next [parity 99] [MQTT-4.3.3-10]", () => {
    const bench = new SessionBench();
    bench.autoAck = true;
    bench.connected(true);
    bench.receive("a", 2, 1);
    bench.receive("a", 2, 1, true);
    expect(bench.take()).toEqual(["deliver a", "PUBREC 1", "PUBREC 1"]);
    bench.reconnected(true);
    bench.receive("a", 2, 1, true);
    bench.pubrel(1);
    bench.receive("b", 2, 1);
    expect(bench.take()).toEqual(["PUBREC 1", "PUBCOMP 1", "deliver b", "PUBREC 1"]);
  });
});
