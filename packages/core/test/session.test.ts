// SPDX-License-Identifier: Apache-2.0
import { type AckPacket, decode, encode, PacketType } from "@mqttv5/wire";
import { describe, expect, it } from "vitest";
import { MqttError, ProtocolError } from "../src/errors.js";
import { PacketIdentifiers } from "../src/session/packet-identifiers.js";
import { type Accepted, seeded, SessionBench } from "./session-bench.js";

const { Subscribe, Unsubscribe } = PacketType;

describe("packet identifiers", () => {
  it("go round robin from 1 and never take 0 nor one in use [MQTT-2.2.1-3]", () => {
    const ids = new PacketIdentifiers<string>(4);
    expect([1, 2, 3, 4].map(() => ids.allocate("x"))).toEqual([1, 2, 3, 4]);
    expect(ids.allocate("x")).toBe(0);
    ids.free(2);
    ids.free(4);
    expect(ids.allocate("y")).toBe(2);
    expect(ids.owner(2)).toBe("y");
    expect(ids.allocate("z")).toBe(4);
    ids.free(2);
    ids.free(3);
    // The next after 4 that is free, not the lowest.
    expect(ids.allocate("w")).toBe(2);
    expect(ids.owner(3)).toBeUndefined();
  });

  it("wrap around 65535 past those still in use [MQTT-2.2.1-3]", () => {
    const ids = new PacketIdentifiers<number>();
    expect(ids.allocate(0)).toBe(1);
    for (let id = 2; id <= 65_535; id++) {
      expect(ids.allocate(id)).toBe(id);
      ids.free(id);
    }
    expect(ids.allocate(0)).toBe(2);
  });

  it("keep their owners over the whole range, in any order of release", () => {
    const ids = new PacketIdentifiers<number>();
    const random = seeded(3);
    const owned = new Map<number, number>();
    for (let i = 0; i < 65_535; i++) owned.set(ids.allocate(i), i);
    expect(owned.size).toBe(65_535);
    expect(ids.exhausted).toBe(true);
    const freed = [...owned.keys()].filter(() => random() < 0.5);
    for (const id of freed) {
      ids.free(id);
      ids.free(id); // once more does nothing
      owned.delete(id);
    }
    ids.take(freed[0] as number, -1);
    ids.take(freed[0] as number, -2); // taken anew it is still one
    owned.set(freed[0] as number, -2);
    for (let id = 1; id <= 65_535; id++) expect(ids.owner(id)).toBe(owned.get(id));
    for (let left = freed.length - 1; left > 0; left--) expect(ids.allocate(0)).toBeGreaterThan(0);
    expect([ids.exhausted, ids.allocate(0)]).toEqual([true, 0]);
  });

  it("are one pool for publish, subscribe and unsubscribe, round robin and never 0 [parity 82] [MQTT-2.2.1-3]", () => {
    const bench = new SessionBench({ highestPacketId: 5 });
    bench.connected(false);
    bench.publish("a", 1);
    bench.ask(Subscribe, "s");
    bench.publish("b", 2);
    bench.ask(Unsubscribe, "u");
    expect(bench.take()).toEqual(["PUBLISH 1 a", "SUBSCRIBE 2 s", "PUBLISH 3 b", "UNSUBSCRIBE 4 u"]);
    bench.puback(1);
    bench.suback(2, 0);
    bench.publish("c", 1);
    bench.publish("d", 1);
    bench.publish("e", 1);
    bench.ask(Subscribe, "t");
    expect(bench.take()).toEqual(["PUBLISH 5 c", "PUBLISH 1 d", "PUBLISH 2 e"]);
    bench.unsuback(4, 0);
    expect(bench.take()).toEqual(["SUBSCRIBE 4 t"]);
  });

  it("of a QoS 2 publish are free only after PUBCOMP, or a refusing PUBREC", () => {
    const bench = new SessionBench({ highestPacketId: 2 });
    bench.connected(false);
    bench.publish("a", 2);
    bench.publish("b", 2);
    bench.publish("c", 2);
    bench.take();
    bench.pubrec(1);
    expect(bench.take()).toEqual(["PUBREL 1"]);
    bench.pubrec(2, 0x80);
    expect(bench.take()).toEqual(["PUBLISH 2 c"]);
    bench.publish("d", 2);
    expect(bench.take()).toEqual([]);
    bench.pubcomp(1);
    expect(bench.take()).toEqual(["PUBLISH 1 d"]);
  });

  it("a pool of 4 carries 1,000 publishes with random acks, and no live identifier twice", () => {
    for (let seed = 1; seed <= 5; seed++) {
      const random = seeded(seed);
      const bench = new SessionBench({ highestPacketId: 4 });
      bench.connected(false);
      const accepted: Accepted[] = [];
      /** Identifier -> what the broker has yet to send for it. */
      const live = new Map<number, "puback" | "pubrec" | "pubcomp">();
      const observe = (): void => {
        for (const event of bench.take()) {
          const [name, id = "0"] = event.split(" ");
          if (name !== "PUBLISH") continue;
          expect(live.has(Number(id))).toBe(false);
          expect(Number(id)).toBeGreaterThan(0);
          const { frame } = bench.frames.at(-1) as { frame: Uint8Array };
          live.set(Number(id), ((frame[0] as number) & 6) === 2 ? "puback" : "pubrec");
        }
        expect(live.size).toBeLessThanOrEqual(4);
      };
      const answer = (): void => {
        const ids = [...live.keys()];
        const id = ids[Math.floor(random() * ids.length)] as number;
        const step = live.get(id);
        live.delete(id);
        if (step === "puback") bench.puback(id, random() < 0.2 ? 0x80 : 0);
        else if (step === "pubcomp") bench.pubcomp(id);
        else if (random() < 0.2) bench.pubrec(id, 0x80);
        else {
          live.set(id, "pubcomp");
          bench.pubrec(id);
        }
      };
      while (accepted.length < 1000) {
        if (random() < 0.5) accepted.push(bench.publish(String(accepted.length), random() < 0.5 ? 1 : 2));
        else if (live.size > 0) answer();
        observe();
      }
      while (live.size > 0) {
        answer();
        observe();
      }
      expect(accepted.every(({ ack }) => ack !== undefined)).toBe(true);
      expect(bench.frames).toHaveLength(1000);
      expect(bench.stats).toMatchObject({ publishesInflight: 0, publishesAcked: 1000, publishesSent: 1000 });
    }
  });

  it("withdrawn publishes give their place to others when identifiers are short", () => {
    const bench = new SessionBench({ highestPacketId: 1 });
    bench.connected(false);
    bench.publish("a", 1);
    const waiting = bench.publish("b", 1);
    bench.publish("c", 1);
    expect(bench.session.withdraw(waiting.publish)).toBe(true);
    bench.take();
    bench.puback(1);
    expect(bench.take()).toEqual(["PUBLISH 1 c"]);
  });
});

describe("send quota", () => {
  it("is the broker's Receive Maximum, and one more goes for each PUBACK [MQTT-3.3.4-7] [MQTT-4.9.0-2]", () => {
    for (const receiveMaximum of [1, 2]) {
      const bench = new SessionBench();
      bench.connected(false, { receiveMaximum });
      for (const topic of ["a", "b", "c", "d"]) bench.publish(topic, 1);
      expect(bench.take()).toHaveLength(receiveMaximum);
      expect(bench.stats.sendQuota).toBe(0);
      bench.puback(1);
      expect(bench.take()).toHaveLength(1);
      bench.puback(2, 0x97);
      expect(bench.take()).toHaveLength(1);
    }
  });

  it("is held by QoS 2 until PUBCOMP [parity 87]", () => {
    const bench = new SessionBench();
    bench.connected(false, { receiveMaximum: 1 });
    bench.publish("a", 2);
    bench.publish("b", 1);
    bench.take();
    bench.pubrec(1);
    bench.publish("c", 1);
    expect(bench.take()).toEqual(["PUBREL 1"]);
    expect(bench.stats.sendQuota).toBe(0);
    bench.pubcomp(1);
    expect(bench.take()).toEqual(["PUBLISH 2 b"]);
  });

  it("is given back by a PUBREC that refuses", () => {
    const bench = new SessionBench();
    bench.connected(false, { receiveMaximum: 1 });
    const refused = bench.publish("a", 2);
    bench.publish("b", 1);
    bench.take();
    bench.pubrec(1, 0x87);
    expect(bench.take()).toEqual(["PUBLISH 2 b"]);
    expect(refused.ack?.reasonCode).toBe(0x87);
  });

  it("starts anew with each connection's Receive Maximum [parity 86] [MQTT-4.9.0-1]", () => {
    const bench = new SessionBench();
    bench.connected(false, { receiveMaximum: 3 });
    for (const topic of ["a", "b", "c", "d"]) bench.publish(topic, 1);
    expect(bench.take()).toEqual(["PUBLISH 1 a", "PUBLISH 2 b", "PUBLISH 3 c"]);
    expect(bench.reconnected(true, { receiveMaximum: 2 })).toEqual(["PUBLISH 1 dup a", "PUBLISH 2 dup b"]);
    bench.puback(1);
    expect(bench.take()).toEqual(["PUBLISH 3 dup c"]);
    expect(bench.reconnected(true, { receiveMaximum: 65_535 })).toEqual([
      "PUBLISH 2 dup b",
      "PUBLISH 3 dup c",
      "PUBLISH 4 d",
    ]);
    expect(bench.stats.sendQuota).toBe(65_532);
  });

  it("gets nothing from the PUBCOMP of a resumed PUBREL [parity 88]", () => {
    const bench = new SessionBench();
    bench.connected(false, { receiveMaximum: 2 });
    bench.publish("a", 2);
    bench.pubrec(1);
    expect(bench.reconnected(true, { receiveMaximum: 1 })).toEqual(["PUBREL 1"]);
    bench.publish("b", 1);
    bench.publish("c", 1);
    expect(bench.take()).toEqual(["PUBLISH 2 b"]);
    bench.pubcomp(1);
    expect(bench.take()).toEqual([]);
    expect(bench.stats.sendQuota).toBe(0);
    bench.puback(2);
    expect(bench.take()).toEqual(["PUBLISH 3 c"]);
  });

  it("never grows above the broker's Receive Maximum", () => {
    const bench = new SessionBench();
    bench.connected(false, { receiveMaximum: 2 });
    bench.publish("a", 1);
    bench.publish("b", 2);
    bench.puback(1);
    bench.puback(1);
    bench.pubrec(2, 0x80);
    bench.pubrec(2, 0x80);
    bench.pubcomp(2);
    expect(bench.stats.sendQuota).toBe(2);
  });

  it("at zero holds back nothing but PUBLISH [MQTT-3.3.4-8] [MQTT-4.9.0-3]", () => {
    const bench = new SessionBench();
    bench.connected(false, { receiveMaximum: 1 });
    bench.publish("a", 2);
    bench.publish("b", 1);
    bench.take();
    bench.ask(Subscribe, "s");
    bench.ask(Unsubscribe, "u");
    bench.autoAck = true;
    bench.receive("in1", 1, 7);
    bench.receive("in2", 2, 8);
    bench.pubrel(8);
    bench.pubrec(1);
    expect(bench.take()).toEqual([
      "SUBSCRIBE 2 s",
      "UNSUBSCRIBE 3 u",
      "deliver in1",
      "PUBACK 7",
      "deliver in2",
      "PUBREC 8",
      "PUBCOMP 8",
      "PUBREL 1",
    ]);
  });
});

describe("a resumed session", () => {
  it("gets PUBRELs first in the order of their PUBRECs, then the same PUBLISH bytes with DUP in their order [parity 89] [MQTT-4.4.0-1] [MQTT-4.6.0-1] [MQTT-4.6.0-4]", () => {
    const bench = new SessionBench();
    bench.connected(false);
    for (const [topic, qos] of [
      ["a", 1],
      ["b", 2],
      ["c", 2],
      ["d", 1],
      ["e", 2],
    ] as const)
      bench.publish(topic, qos);
    bench.pubrec(5);
    bench.pubrec(2);
    expect(bench.take().slice(-2)).toEqual(["PUBREL 5", "PUBREL 2"]);
    const sent = bench.frames.splice(0);
    expect(bench.reconnected(true)).toEqual([
      "PUBREL 5",
      "PUBREL 2",
      "PUBLISH 1 dup a",
      "PUBLISH 3 dup c",
      "PUBLISH 4 dup d",
    ]);
    expect(bench.frames.map(({ frame }) => frame)).toEqual([0, 2, 3].map((index) => sent[index]?.frame));
    expect(sent.every(({ duplicate }) => !duplicate)).toBe(true);
    // Once more, after nothing happened.
    expect(bench.reconnected(true)).toEqual([
      "PUBREL 5",
      "PUBREL 2",
      "PUBLISH 1 dup a",
      "PUBLISH 3 dup c",
      "PUBLISH 4 dup d",
    ]);
    expect(bench.stats.publishesReplayed).toBe(6);
  });

  it("keeps the order of first sending when identifiers wrapped [MQTT-4.6.0-1]", () => {
    const bench = new SessionBench({ highestPacketId: 4 });
    bench.connected(false);
    for (const topic of ["a", "b", "c"]) bench.publish(topic, 1);
    bench.puback(1);
    bench.puback(2);
    for (const [topic, qos] of [
      ["d", 2],
      ["e", 1],
      ["f", 2],
    ] as const)
      bench.publish(topic, qos);
    expect(bench.take().slice(-3)).toEqual(["PUBLISH 4 d", "PUBLISH 1 e", "PUBLISH 2 f"]);
    expect(bench.reconnected(true)).toEqual([
      "PUBLISH 3 dup c",
      "PUBLISH 4 dup d",
      "PUBLISH 1 dup e",
      "PUBLISH 2 dup f",
    ]);
  });

  it("gets what was never attempted without DUP, after the rest [parity 90] [MQTT-3.3.1-3]", () => {
    const bench = new SessionBench();
    bench.connected(false, { receiveMaximum: 1 });
    bench.publish("a", 1);
    bench.publish("b", 1);
    bench.session.disconnected();
    bench.publish("c", 2);
    bench.take();
    bench.connected(true);
    expect(bench.take()).toEqual(["PUBLISH 1 dup a", "PUBLISH 2 b", "PUBLISH 3 c"]);
  });

  it("never sends a PUBLISH again after its PUBREL was due, and never a settled one [MQTT-4.3.3-6] [MQTT-4.4.0-2]", () => {
    const bench = new SessionBench();
    bench.connected(false);
    bench.publish("a", 2);
    const refused = bench.publish("b", 1);
    const refused2 = bench.publish("c", 2);
    bench.pubrec(1);
    bench.puback(2, 0x87);
    bench.pubrec(3, 0x97);
    expect([refused.ack?.reasonCode, refused2.ack?.reasonCode]).toEqual([0x87, 0x97]);
    expect(bench.reconnected(true)).toEqual(["PUBREL 1"]);
  });

  it("is told of nothing at any other time than the reconnect [MQTT-4.4.0-1]", () => {
    const bench = new SessionBench();
    bench.connected(false);
    bench.publish("a", 1);
    bench.publish("b", 2);
    bench.take();
    bench.session.advance(1e12);
    bench.puback(77);
    bench.publish("c", 1);
    expect(bench.take()).toEqual(["ignored PUBACK 77", "PUBLISH 3 c"]);
  });

  it("message expiry does not cancel what was sent before [MQTT-4.3.3-7]", () => {
    const bench = new SessionBench();
    bench.connected(false);
    bench.publish("a", 2, { expiresAt: 1000 });
    bench.session.disconnected();
    const late = bench.publish("b", 2, { expiresAt: 1000 });
    bench.session.advance(1000);
    bench.take();
    bench.connected(true);
    expect(bench.take()).toEqual(["PUBLISH 1 dup a"]);
    expect(late.error).toMatchObject({ code: "MESSAGE_EXPIRED", delivery: "not-sent" });
  });

  it("rewrites the expiry before the first sending only, rounded up to seconds [parity 78]", () => {
    const bench = new SessionBench();
    bench.publish("a", 1, { expiresAt: 10_000, packet: { properties: { messageExpiryInterval: 10 } } });
    bench.session.advance(2_001);
    bench.connected(false);
    const [first] = bench.frames.splice(0);
    // 30|32 len, 00 01 a, id, 05 02 u32
    expect([...(first?.frame.subarray(-5) ?? [])]).toEqual([2, 0, 0, 0, 8]);
    bench.session.advance(9_000);
    bench.reconnected(true);
    expect(bench.frames[0]?.frame).toEqual(first?.frame);
  });

  it("gets the unanswered SUBSCRIBE and UNSUBSCRIBE again, in the order asked, before publishes", () => {
    const bench = new SessionBench();
    bench.connected(false);
    bench.ask(Subscribe, "s");
    bench.ask(Unsubscribe, "u");
    bench.publish("a", 1);
    const answered = bench.ask(Subscribe, "t");
    bench.suback(4, 0);
    expect(answered.answers).toEqual([[0]]);
    const events = bench.reconnected(true);
    expect(events.map((event) => event.replace(/\d+ /, ""))).toEqual(["SUBSCRIBE s", "UNSUBSCRIBE u", "PUBLISH dup a"]);
  });
});

describe("a lost session", () => {
  it("has everything published again as new, in the original order [parity 93] [MQTT-3.2.2-5]", () => {
    const bench = new SessionBench();
    bench.connected(false);
    const all = [bench.publish("a", 2), bench.publish("b", 1), bench.publish("c", 2)];
    bench.pubrec(3);
    bench.pubrec(1);
    const events = bench.reconnected(false);
    expect(events.map((event) => event.replace(/\d+ /, ""))).toEqual(["PUBLISH a", "PUBLISH b", "PUBLISH c"]);
    expect(bench.frames.slice(3).map(({ duplicate }) => duplicate)).toEqual([false, false, false]);
    const ids = events.map((event) => Number(event.split(" ")[1]));
    expect(new Set(ids).size).toBe(3);
    bench.pubrec(ids[0] as number);
    bench.pubcomp(ids[0] as number);
    bench.puback(ids[1] as number);
    expect(all.map(({ ack }) => ack?.reasonCode)).toEqual([0, 0, undefined]);
  });

  it("keeps to the new limits and to expiry when it publishes again [parity 96]", () => {
    const bench = new SessionBench();
    bench.connected(false);
    const all = [
      bench.publish("a", 1),
      bench.publish("b", 1, { expiresAt: 500 }),
      bench.publish("c", 2),
      bench.publish("d", 1, { retain: true }),
    ];
    bench.session.advance(500);
    const refusal = (publish: { qos: number; retain: boolean }): MqttError | undefined => {
      if (publish.qos > 1) return new MqttError("QOS_NOT_SUPPORTED", "");
      return publish.retain ? new MqttError("RETAIN_NOT_SUPPORTED", "") : undefined;
    };
    expect(bench.reconnected(false, { refusal })).toEqual(["PUBLISH 1 a"]);
    expect(all.map(({ error }) => error?.code)).toEqual([
      undefined,
      "MESSAGE_EXPIRED",
      "QOS_NOT_SUPPORTED",
      "RETAIN_NOT_SUPPORTED",
    ]);
    expect(all[1]?.error?.delivery).toBe("unknown");
    // Nothing of the refused ones is left behind.
    expect(bench.stats).toMatchObject({ publishesInflight: 1, sendQuota: 65_534 });
  });

  it("can fail what was in flight [parity 94]", () => {
    const bench = new SessionBench();
    bench.connected(false, { receiveMaximum: 1 });
    const sent = bench.publish("a", 1);
    const waiting = bench.publish("b", 1);
    bench.session.disconnected();
    bench.take();
    bench.session.abandon(
      ({ attempted }) => attempted,
      () => new MqttError("SESSION_LOST", ""),
    );
    bench.connected(false);
    expect(sent.error?.code).toBe("SESSION_LOST");
    expect(waiting.error).toBeUndefined();
    expect(bench.take()).toEqual(["PUBLISH 2 b"]);
  });

  it("forgets what was received; a stale ack does nothing [parity 95] [MQTT-3.2.2-5]", () => {
    const bench = new SessionBench();
    bench.connected(false);
    bench.receive("a", 1, 1);
    bench.receive("b", 2, 2);
    bench.receive("c", 2, 3);
    bench.delivered[2]?.settle(0);
    bench.session.disconnected();
    bench.take();
    bench.connected(false);
    bench.delivered[0]?.settle(0);
    bench.delivered[1]?.settle(0);
    expect(bench.take()).toEqual([]);
    // The identifiers are new ones.
    bench.receive("a2", 1, 1);
    bench.receive("b2", 2, 2);
    expect(bench.take()).toEqual(["deliver a2", "deliver b2"]);
    bench.pubrel(3);
    expect(bench.take()).toEqual(["PUBCOMP 3 0x92"]);
  });
});

describe("acknowledgements of the broker", () => {
  it("complete QoS 1 at PUBACK and QoS 2 at PUBCOMP, with PUBREL in between [MQTT-4.3.2-3] [MQTT-4.3.3-4]", () => {
    const bench = new SessionBench();
    bench.connected(false);
    const one = bench.publish("a", 1);
    const two = bench.publish("b", 2);
    bench.pubrec(2, 0x10);
    expect(bench.take().at(-1)).toBe("PUBREL 2");
    expect([one.ack, two.ack]).toEqual([undefined, undefined]);
    bench.puback(1, 0x10);
    bench.pubcomp(2);
    expect([one.ack?.reasonCode, two.ack?.reasonCode]).toEqual([0x10, 0x10]);
  });

  it("tell a message that was published again what was said of it this time, not in the session that was lost", () => {
    const bench = new SessionBench();
    bench.connected(false);
    const message = bench.publish("a", 2);
    bench.pubrec(1, 0x10);
    bench.reconnected(false);
    bench.pubrec(1);
    bench.pubcomp(1);
    expect(message.ack?.reasonCode).toBe(0);
  });

  it("that are stray or mismatched are ignored, counted and change nothing [parity 85]", () => {
    const bench = new SessionBench();
    bench.connected(false, { receiveMaximum: 3 });
    const one = bench.publish("a", 1);
    const two = bench.publish("b", 2);
    const sub = bench.ask(Subscribe, "s");
    bench.take();
    bench.puback(9);
    bench.pubcomp(9);
    bench.suback(9, 0);
    bench.unsuback(9, 0);
    bench.puback(2); // of a QoS 2 publish
    bench.pubrec(1); // of a QoS 1 publish
    bench.pubcomp(1);
    bench.pubcomp(2); // before PUBREC
    bench.suback(1, 0); // of a publish
    bench.unsuback(3, 0); // of a SUBSCRIBE
    bench.puback(3);
    bench.pubrec(3);
    expect(bench.take()).toEqual([
      "ignored PUBACK 9",
      "ignored PUBCOMP 9",
      "ignored SUBACK 9",
      "ignored UNSUBACK 9",
      "ignored PUBACK 2",
      "ignored PUBREC 1",
      "ignored PUBCOMP 1",
      "ignored PUBCOMP 2",
      "ignored SUBACK 1",
      "ignored UNSUBACK 3",
      "ignored PUBACK 3",
      "ignored PUBREC 3",
    ]);
    expect(bench.stats).toMatchObject({ acksIgnored: 12, publishesInflight: 2, sendQuota: 1 });
    expect([one.ack, two.ack, sub.answers]).toEqual([undefined, undefined, []]);
    // All three are still answered in the right way.
    bench.puback(1);
    bench.pubrec(2);
    bench.pubcomp(2);
    bench.suback(3, 1);
    expect([one.ack?.reasonCode, two.ack?.reasonCode, sub.answers]).toEqual([0, 0, [[1]]]);
  });

  it("a PUBREC for an unknown identifier gets PUBREL 0x92, a PUBREL for one PUBCOMP 0x92 [parity 91] [MQTT-3.7.2-1]", () => {
    const bench = new SessionBench();
    bench.connected(false);
    bench.pubrec(4);
    bench.pubrel(5);
    expect(bench.take()).toEqual(["ignored PUBREC 4", "PUBREL 4 0x92", "PUBCOMP 5 0x92"]);
  });

  it("a second PUBREC gets PUBREL again, and PUBCOMP 0x92 ends the exchange in success [parity 92]", () => {
    const bench = new SessionBench();
    bench.connected(false);
    const two = bench.publish("a", 2);
    bench.pubrec(1);
    bench.pubrec(1);
    expect(bench.take()).toEqual(["PUBLISH 1 a", "PUBREL 1", "PUBREL 1"]);
    bench.pubcomp(1, 0x92);
    expect(two.ack?.reasonCode).toBe(0);
    expect(bench.session.hasState).toBe(false);
  });

  it("PUBRELs leave in the order of the PUBRECs [MQTT-4.6.0-4]", () => {
    const bench = new SessionBench();
    bench.connected(false);
    for (const topic of ["a", "b", "c", "d", "e"]) bench.publish(topic, 2);
    bench.take();
    for (const id of [3, 1, 5, 2, 4]) bench.pubrec(id);
    expect(bench.take()).toEqual([3, 1, 5, 2, 4].map((id) => `PUBREL ${id}`));
    expect(bench.reconnected(true)).toEqual([3, 1, 5, 2, 4].map((id) => `PUBREL ${id}`));
  });

  it("a PUBREC that says why is kept as it was received, whatever becomes of the receive buffer", () => {
    const bench = new SessionBench();
    bench.connected(false);
    const sent = bench.publish("a", 2);
    const bytes = encode({
      type: PacketType.Pubrec,
      packetId: 1,
      reasonCode: 0x10,
      properties: { reasonString: "why" },
    });
    bench.session.receivePubrec(decode(bytes) as AckPacket);
    bytes.fill(0x78, bytes.length - 3);
    bench.pubcomp(1);
    expect([sent.ack?.reasonCode, sent.ack?.properties?.reasonString]).toEqual([0x10, "why"]);
  });

  it("SUBACK and UNSUBACK need one code a filter, else 0x82, and the operation is asked again", () => {
    for (const codes of [[0], [0, 0, 0]]) {
      const bench = new SessionBench();
      bench.connected(false);
      const sub = bench.ask(Subscribe, "s", 2);
      const unsub = bench.ask(Unsubscribe, "u", 2);
      const thrown = [() => bench.suback(1, ...codes), () => bench.unsuback(2, ...codes)].map((call) => {
        try {
          return call();
        } catch (error) {
          return error;
        }
      });
      for (const error of thrown) {
        expect(error).toBeInstanceOf(ProtocolError);
        expect(error).toMatchObject({ reasonCode: 0x82 });
      }
      expect([sub.answers, unsub.answers]).toEqual([[], []]);
      expect(bench.reconnected(true).map((event) => event.replace(/\d+ /, ""))).toEqual([
        "SUBSCRIBE s",
        "UNSUBSCRIBE u",
      ]);
    }
  });

  it("of a forgotten operation is ignored, and its identifier is not used again before", () => {
    const bench = new SessionBench({ highestPacketId: 2 });
    bench.connected(false);
    const sub = bench.ask(Subscribe, "s");
    bench.session.forget(sub.operation);
    bench.publish("a", 1);
    bench.publish("b", 1);
    expect(bench.take()).toEqual(["SUBSCRIBE 1 s", "PUBLISH 2 a"]);
    bench.suback(1, 0);
    expect(sub.answers).toEqual([]);
    expect(bench.take()).toEqual(["PUBLISH 1 b"]);
    // And it is not asked again.
    expect(bench.reconnected(true)).toEqual(["PUBLISH 2 dup a", "PUBLISH 1 dup b"]);
  });

  it("a publish can be withdrawn only before a connection was handed it", () => {
    const bench = new SessionBench();
    bench.connected(false, { receiveMaximum: 1 });
    const sent = bench.publish("a", 1);
    const waiting = bench.publish("b", 1);
    expect(bench.session.withdraw(sent.publish)).toBe(false);
    expect(bench.session.withdraw(waiting.publish)).toBe(true);
    expect(bench.session.withdraw(waiting.publish)).toBe(false);
    bench.take();
    bench.puback(1);
    expect(bench.take()).toEqual([]);
    expect(bench.session.hasState).toBe(false);
  });
});

describe("withdrawn publishes", () => {
  it("by the thousand leave the others in their order, and nothing else", () => {
    const bench = new SessionBench();
    bench.connected(false, { receiveMaximum: 1 });
    const all = Array.from({ length: 5001 }, (_, index) => bench.publish(`t${index}`, index % 2 === 0 ? 1 : 2));
    for (const [index, { publish }] of all.entries()) if (index % 100 !== 0) bench.session.withdraw(publish);
    const kept = all.filter((_, index) => index % 100 === 0);
    for (let id = 1; id <= kept.length; id++) bench.puback(id);
    expect(bench.take().filter((event) => event.startsWith("PUBLISH"))).toEqual(
      kept.map((_, index) => `PUBLISH ${index + 1} t${index * 100}`),
    );
    expect(kept.every(({ ack }) => ack !== undefined)).toBe(true);
    expect(bench.stats).toMatchObject({ publishesInflight: 0, acksIgnored: 0, sendQuota: 1 });
  });
});

describe("messages from the broker", () => {
  it("are answered in the order of arrival, whatever the order of the acks [parity 97] [MQTT-4.6.0-2] [MQTT-4.6.0-3]", () => {
    const bench = new SessionBench();
    bench.connected(false);
    for (let id = 1; id <= 4; id++) bench.receive(`m${id}`, id % 2 === 0 ? 2 : 1, id);
    bench.take();
    const [one, two, three, four] = bench.delivered;
    four?.settle(0);
    two?.settle(0);
    expect(bench.take()).toEqual([]);
    one?.settle(0);
    expect(bench.take()).toEqual(["PUBACK 1", "PUBREC 2"]);
    three?.settle(0x83);
    expect(bench.take()).toEqual(["PUBACK 3 0x83", "PUBREC 4"]);
  });

  it("keep the order for random acks of a hundred messages [parity 97]", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const random = seeded(seed);
      const bench = new SessionBench();
      bench.connected(false);
      for (let id = 1; id <= 100; id++) bench.receive("m", random() < 0.5 ? 1 : 2, id);
      bench.take();
      const rest = [...bench.delivered];
      while (rest.length > 0) rest.splice(Math.floor(random() * rest.length), 1)[0]?.settle(0);
      expect(bench.take().map((event) => Number(event.split(" ")[1]))).toEqual(
        Array.from({ length: 100 }, (_, index) => index + 1),
      );
    }
  });

  it("that repeat a held one are neither delivered nor acked [parity 98]", () => {
    const bench = new SessionBench();
    bench.connected(false);
    bench.receive("a", 1, 1);
    bench.receive("b", 2, 2);
    bench.session.disconnected();
    bench.connected(true);
    bench.take();
    bench.receive("a", 1, 1, true);
    bench.receive("b", 2, 2, true);
    expect(bench.take()).toEqual([]);
    expect(bench.stats.inboundDuplicates).toBe(2);
    bench.delivered[0]?.settle(0);
    bench.delivered[1]?.settle(0);
    expect(bench.take()).toEqual(["PUBACK 1", "PUBREC 2"]);
  });

  it("at QoS 2 are delivered once until PUBREL, also across a resume [MQTT-4.3.3-10] [MQTT-4.3.3-11] [MQTT-4.3.3-12]", () => {
    const bench = new SessionBench();
    bench.autoAck = true;
    bench.connected(false);
    bench.receive("a", 2, 7);
    bench.receive("a", 2, 7, true);
    expect(bench.take()).toEqual(["deliver a", "PUBREC 7", "PUBREC 7"]);
    bench.session.disconnected();
    bench.connected(true);
    bench.receive("a", 2, 7, true);
    bench.pubrel(7);
    bench.pubrel(7);
    expect(bench.take()).toEqual(["PUBREC 7", "PUBCOMP 7", "PUBCOMP 7 0x92"]);
    bench.receive("a", 2, 7, true);
    expect(bench.take()).toEqual(["deliver a", "PUBREC 7"]);
  });

  it("at QoS 2 are new after a PUBREC that refused [MQTT-4.3.3-9]", () => {
    const bench = new SessionBench({ receiveMaximum: 1 });
    bench.connected(false);
    bench.receive("a", 2, 7);
    bench.delivered[0]?.settle(0x87);
    bench.receive("a", 2, 7);
    expect(bench.take()).toEqual(["deliver a", "PUBREC 7 0x87", "deliver a"]);
  });

  it("at QoS 1 are new after the PUBACK, whatever DUP says [MQTT-4.3.2-5]", () => {
    const bench = new SessionBench();
    bench.autoAck = true;
    bench.connected(false);
    bench.receive("a", 1, 5);
    bench.receive("a", 1, 5);
    bench.receive("a", 1, 5, true);
    expect(bench.take()).toEqual(["deliver a", "PUBACK 5", "deliver a", "PUBACK 5", "deliver a", "PUBACK 5"]);
  });

  it("past our Receive Maximum are a Protocol Error with 0x93; a repeated one counts once, QoS 0 never", () => {
    const bench = new SessionBench({ receiveMaximum: 3 });
    bench.connected(false);
    bench.receive("a", 1, 1);
    bench.receive("b", 2, 2);
    bench.receive("c", 2, 3);
    bench.delivered[2]?.settle(0);
    bench.delivered[0]?.settle(0);
    bench.delivered[1]?.settle(0);
    bench.receive("d", 1, 4); // 2 and 3 wait for PUBREL still
    bench.receive("b", 2, 2, true);
    bench.receive("q0", 0);
    expect(() => bench.receive("e", 1, 5)).toThrow(expect.objectContaining({ reasonCode: 0x93 }));
    bench.pubrel(2);
    bench.take();
    bench.receive("e", 1, 5);
    expect(bench.take()).toEqual(["deliver e"]);
  });

  it("count against our Receive Maximum no more after a PUBREL, even one that came before the PUBREC", () => {
    const bench = new SessionBench({ receiveMaximum: 1 });
    bench.connected(false);
    bench.receive("a", 2, 1);
    bench.pubrel(1);
    bench.receive("b", 1, 2);
    bench.delivered[0]?.settle(0);
    bench.delivered[1]?.settle(0);
    expect(bench.take()).toEqual(["deliver a", "PUBCOMP 1 0x92", "deliver b", "PUBREC 1", "PUBACK 2"]);
    bench.receive("c", 1, 3);
    expect(() => bench.receive("d", 1, 4)).toThrow(expect.objectContaining({ reasonCode: 0x93 }));
  });

  it("acked while there is no connection are answered when they are sent again, once and in order [parity 100] [MQTT-4.6.0-2]", () => {
    const bench = new SessionBench();
    bench.connected(false);
    bench.receive("a", 1, 1);
    bench.receive("b", 2, 2);
    bench.receive("c", 2, 3);
    bench.receive("d", 1, 4);
    bench.session.disconnected();
    bench.take();
    bench.delivered[3]?.settle(0);
    bench.delivered[2]?.settle(0x87);
    bench.delivered[0]?.settle(0);
    bench.connected(true);
    expect(bench.take()).toEqual([]); // the broker would take its own resending for unanswered
    bench.receive("a", 1, 1, true);
    bench.receive("b", 2, 2, true);
    bench.receive("c", 2, 3, true);
    bench.receive("d", 1, 4, true);
    expect(bench.take()).toEqual(["PUBACK 1"]);
    bench.delivered[1]?.settle(0);
    expect(bench.take()).toEqual(["PUBREC 2", "PUBREC 3 0x87", "PUBACK 4"]);
    bench.pubrel(2);
    expect(bench.take()).toEqual(["PUBCOMP 2"]);
    expect(bench.stats.inboundDuplicates).toBe(4);
    expect(bench.session.hasState).toBe(false);
  });

  it("of an earlier connection that the broker does not send again hold up no other, and are answered after a PINGRESP", () => {
    const bench = new SessionBench();
    bench.connected(false);
    bench.receive("a", 1, 1);
    bench.receive("b", 2, 2);
    bench.receive("c", 1, 3);
    bench.session.disconnected();
    bench.take();
    bench.delivered[0]?.settle(0);
    bench.delivered[1]?.settle(0);
    bench.connected(true);
    bench.receive("new", 1, 9);
    bench.delivered[3]?.settle(0);
    expect(bench.take()).toEqual(["deliver new", "PUBACK 9"]);
    bench.session.receivePingresp();
    expect(bench.take()).toEqual(["PUBACK 1", "PUBREC 2"]);
    bench.session.receivePingresp();
    bench.delivered[2]?.settle(0);
    expect(bench.take()).toEqual([]);
    bench.session.receivePingresp();
    expect(bench.take()).toEqual(["PUBACK 3"]);
  });

  it("are not lost where a broker resends without DUP, or uses the identifier of one it has forgotten", () => {
    const bench = new SessionBench();
    bench.connected(false);
    bench.receive("held", 1, 1);
    bench.receive("acked", 1, 2);
    bench.receive("twice", 2, 3);
    bench.session.disconnected();
    bench.delivered[1]?.settle(0);
    bench.take();
    bench.connected(true);
    bench.receive("held", 1, 1); // resent, we think
    bench.receive("acked", 1, 2); // resent or another one: nobody can tell
    bench.receive("twice", 2, 3);
    expect(bench.take()).toEqual(["deliver acked"]);
    bench.delivered[0]?.settle(0);
    bench.delivered[3]?.settle(0);
    bench.delivered[2]?.settle(0);
    expect(bench.take()).toEqual(["PUBACK 1", "PUBACK 2", "PUBREC 3"]);
    for (const [id, topic] of ["next1", "next2"].entries()) bench.receive(topic, 1, id + 1);
    // Under an identifier that waits for our answer the broker has no business to send another; but what it sends is not lost.
    bench.receive("next1 again", 1, 1);
    expect(bench.take()).toEqual(["deliver next1", "deliver next2", "deliver next1 again"]);
    bench.delivered[4]?.settle(0);
    expect(bench.take()).toEqual([]);
    bench.delivered[6]?.settle(0);
    bench.delivered[5]?.settle(0);
    expect(bench.take()).toEqual(["PUBACK 2", "PUBACK 1"]);
  });

  it("count against our Receive Maximum anew on each connection, as the broker counts them", () => {
    const bench = new SessionBench({ receiveMaximum: 2 });
    bench.autoAck = true;
    bench.connected(false);
    bench.receive("a", 2, 1);
    bench.receive("b", 2, 2);
    bench.session.disconnected();
    bench.connected(true);
    // Two that wait for PUBREL on the broker's side take no slot of its quota.
    bench.receive("c", 2, 3);
    bench.receive("d", 2, 4);
    expect(() => bench.receive("e", 1, 5)).toThrow(expect.objectContaining({ reasonCode: 0x93 }));
    bench.pubrel(1);
    expect(() => bench.receive("e", 1, 5)).toThrow(expect.objectContaining({ reasonCode: 0x93 }));
    bench.pubrel(3);
    bench.take();
    bench.receive("e", 1, 5);
    expect(bench.take()).toEqual(["deliver e", "PUBACK 5"]);
  });

  it("with several holders are answered when all have settled, with the first refusal", () => {
    const bench = new SessionBench();
    bench.connected(false);
    bench.receive("a", 1, 1);
    const [message] = bench.delivered;
    message?.hold();
    message?.hold();
    bench.take();
    message?.settle(0);
    message?.settle(0x87);
    expect(bench.take()).toEqual([]);
    message?.settle(0x80);
    expect(bench.take()).toEqual(["PUBACK 1 0x87"]);
  });

  it("may be settled and publish from within the delivery", () => {
    const bench = new SessionBench();
    bench.connected(false);
    bench.autoAck = true;
    bench.onDeliver = () => bench.publish("reply", 1);
    bench.receive("a", 2, 1);
    bench.receive("b", 1, 2);
    expect(bench.take()).toEqual([
      "deliver a",
      "PUBREC 1",
      "PUBLISH 1 reply",
      "deliver b",
      "PUBACK 2",
      "PUBLISH 2 reply",
    ]);
  });
});

describe("a client that closes", () => {
  it("keeps what a connection was handed if the broker keeps the session, and withdraws the rest", () => {
    const bench = new SessionBench();
    bench.connected(false, { receiveMaximum: 1 });
    const sent = bench.publish("a", 1);
    const waiting = bench.publish("b", 1);
    bench.session.disconnected();
    bench.session.release(
      true,
      ({ attempted }) => new MqttError("CLOSED", "", { delivery: attempted ? "unknown" : "not-sent" }),
    );
    expect([sent.error?.delivery, waiting.error?.delivery]).toEqual(["unknown", "not-sent"]);
    bench.take();
    bench.connected(true);
    expect(bench.take()).toEqual(["PUBLISH 1 dup a"]);
    bench.puback(1);
    expect(sent.ack).toBeUndefined();
    expect(bench.session.hasState).toBe(false);
  });

  it("forgets everything if the broker forgets too", () => {
    const bench = new SessionBench();
    bench.connected(false);
    const sent = bench.publish("a", 2);
    bench.pubrec(1);
    bench.receive("b", 1, 1);
    bench.session.disconnected();
    bench.session.release(false, () => new MqttError("CLOSED", ""));
    expect(sent.error?.code).toBe("CLOSED");
    expect(bench.session.hasState).toBe(false);
    bench.take();
    bench.connected(false);
    bench.delivered[0]?.settle(0);
    expect(bench.take()).toEqual([]);
  });
});

describe("under random cuts", () => {
  it("every publish is delivered in order, exactly once at QoS 2 while the broker keeps the session", () => {
    for (let seed = 1; seed <= 40; seed++) {
      const random = seeded(seed * 7919);
      const bench = new SessionBench({ highestPacketId: 6 });
      const accepted: Accepted[] = [];
      /** The broker's half: how often it took which message, and the QoS 2 identifiers it remembers. */
      const taken = new Map<string, number>();
      const remembered = new Set<number>();
      let inbox: string[] = [];
      let outbox: (() => void)[] = [];
      let up = false;
      let connections = 0;
      /** Of the PUBLISH packets on one connection. */
      let last = -1;
      const pull = (): void => {
        for (const event of bench.take()) {
          inbox.push(event);
          if (!event.startsWith("PUBLISH")) continue;
          const index = Number(event.split("-")[1]);
          expect(index).toBeGreaterThan(last);
          last = index;
        }
      };
      const take = (topic: string): void => void taken.set(topic, (taken.get(topic) ?? 0) + 1);
      const serve = (): void => {
        const [name, idText, ...words] = (inbox.shift() as string).split(" ");
        const id = Number(idText);
        const topic = words.at(-1) ?? "";
        if (name === "PUBREL") {
          remembered.delete(id);
          outbox.push(() => bench.pubcomp(id));
        } else if (topic.startsWith("q1")) {
          take(topic);
          outbox.push(() => bench.puback(id));
        } else {
          if (!remembered.has(id)) take(topic);
          remembered.add(id);
          outbox.push(() => bench.pubrec(id));
        }
      };
      const connect = (): void => {
        up = true;
        last = -1;
        bench.connected(connections++ > 0, { receiveMaximum: 1 + Math.floor(random() * 4) });
      };
      const cut = (): void => {
        up = false;
        bench.session.disconnected();
        inbox = inbox.slice(0, Math.floor(random() * (inbox.length + 1))); // the rest was under way
        while (inbox.length > 0) serve();
        outbox = [];
      };
      for (let step = 0; step < 600 || bench.session.hasState; step++) {
        expect(step).toBeLessThan(20_000);
        const choice = random();
        const qos = random() < 0.5 ? 1 : 2;
        if (!up) connect();
        else if (choice < 0.08 && step < 500) cut();
        else if (choice < 0.4 && accepted.length < 100) accepted.push(bench.publish(`q${qos}-${accepted.length}`, qos));
        else if (choice < 0.7 && inbox.length > 0) serve();
        else if (outbox.length > 0) outbox.shift()?.();
        else if (inbox.length > 0) serve();
        pull();
      }
      expect(connections).toBeGreaterThan(5);
      expect(accepted.every(({ ack }) => ack?.reasonCode === 0)).toBe(true);
      expect(taken.size).toBe(accepted.length);
      const twice = [...taken].filter(([topic, times]) => topic.startsWith("q2") && times !== 1);
      expect(twice).toEqual([]);
      expect(bench.stats).toMatchObject({ publishesInflight: 0, acksIgnored: 0, publishesAcked: accepted.length });
    }
  });
});
