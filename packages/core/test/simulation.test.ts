// SPDX-License-Identifier: Apache-2.0
import { TestBroker, VirtualClock } from "@mqttv5/testing";
import { describe, expect, it } from "vitest";
import { Client, constantBackoff, type Message } from "../src/index.js";
import { codeOf, follow, type Outcome } from "./bench.js";
import { type Accepted, seeded, SessionBench } from "./session-bench.js";

describe("the session under random cuts", () => {
  it("holds every invariant in both directions, over many seeds [parity 103]", () => {
    for (let seed = 1; seed <= 40; seed++) expect(bothDirections(seeded(seed * 7927))).toBeGreaterThan(3);
  });
});

/** A message of the broker's, and how far its exchange has come. */
interface Sent {
  readonly topic: string;
  readonly qos: 1 | 2;
  released: boolean;
}

/** One session and a model of a correct broker, with links that lose what is under way; ends when all is settled. Gives how many connections it took. */
function bothDirections(random: () => number): number {
  const RECEIVE_MAXIMUM = 4;
  const bench = new SessionBench({ highestPacketId: 8, receiveMaximum: RECEIVE_MAXIMUM });
  const { session } = bench;
  const accepted: Accepted[] = [];
  /** How often each side has taken ownership of a message. */
  const taken = new Map<string, number>();
  const delivered = new Map<string, number>();
  /** The broker's half: QoS 2 identifiers received and not released, and its own exchanges in order of sending. */
  const remembered = new Set<number>();
  const outgoing = new Map<number, Sent>();
  let produced = 0;
  /** Under way to the broker, and to the client. */
  let inbox: string[] = [];
  let outbox: (() => void)[] = [];
  let connections = 0;
  // Of one connection.
  let up = false;
  let quota = 0;
  let lastPublished = -1;
  const answered = new Set<number>();

  const count = (map: Map<string, number>, topic: string): void => void map.set(topic, (map.get(topic) ?? 0) + 1);
  const rest = (event: string): string[] => event.split(" ").slice(1);

  /** What the client did, checked as it leaves. */
  const observe = (): void => {
    for (const event of bench.take()) {
      if (event.startsWith("deliver")) {
        count(delivered, event.split(" ")[1] as string);
        continue;
      }
      const [id = "0"] = rest(event);
      if (event.startsWith("PUBLISH")) {
        const index = Number(event.split("-")[1]);
        expect(index).toBeGreaterThan(lastPublished); // the order accepted
        lastPublished = index;
        expect(--quota).toBeGreaterThanOrEqual(0); // Receive Maximum
      } else if (/^PUB(ACK|REC) /.test(event)) {
        // First answers come in the order of sending; those that were lost are given again as need be.
        const index = Number(outgoing.get(Number(id))?.topic.split("-")[1]);
        if (!answered.has(index)) expect(index).toBeGreaterThan(Math.max(-1, ...answered));
        answered.add(index);
      }
      inbox.push(event);
    }
  };

  const send = (id: number, message: Sent, duplicate: boolean): void => {
    outbox.push(() => bench.receive(message.topic, message.qos, id, duplicate));
  };

  /** The broker handles the next packet of the client's. */
  const serve = (): void => {
    const event = inbox.shift() as string;
    const [name] = event.split(" ");
    const [idText, ...words] = rest(event);
    const id = Number(idText);
    const own = outgoing.get(id);
    switch (name) {
      case "PUBREL":
        remembered.delete(id);
        outbox.push(() => {
          quota++;
          bench.pubcomp(id);
        });
        return;
      case "PUBLISH": {
        const topic = words.at(-1) as string;
        if (topic.startsWith("q1") || !remembered.has(id)) count(taken, topic);
        if (topic.startsWith("q2")) remembered.add(id);
        outbox.push(() => {
          if (topic.startsWith("q1")) quota++;
          if (topic.startsWith("q1")) bench.puback(id);
          else bench.pubrec(id);
        });
        return;
      }
      case "PUBACK":
        expect(own?.qos).toBe(1);
        outgoing.delete(id);
        return;
      case "PUBREC":
        expect(own?.qos).toBe(2);
        if (own !== undefined) own.released = true;
        outbox.push(() => bench.pubrel(id));
        return;
      case "PUBCOMP":
        if (own?.released === true) outgoing.delete(id); // a second one may meet the next message of that identifier
        return;
      default:
        throw new Error(`unexpected ${event}`);
    }
  };

  const connect = (): void => {
    up = true;
    lastPublished = -1;
    quota = 1 + Math.floor(random() * 4);
    bench.connected(connections++ > 0, { receiveMaximum: quota });
    for (const [id, message] of outgoing) {
      if (message.released) outbox.push(() => bench.pubrel(id));
      else send(id, message, true);
    }
  };

  const cut = (): void => {
    session.disconnected();
    inbox = inbox.slice(0, Math.floor(random() * (inbox.length + 1)));
    while (inbox.length > 0) serve();
    outbox = [];
    up = false;
  };

  const produce = (): void => {
    let id = 1;
    while (outgoing.has(id)) id++;
    const qos = random() < 0.5 ? 1 : 2;
    const message = { topic: `m${qos}-${produced++}`, qos, released: false } as const;
    outgoing.set(id, { ...message });
    send(id, outgoing.get(id) as Sent, false);
  };

  const settle = (): void => {
    const open = bench.delivered.filter((message) => !message.settled);
    open[Math.floor(random() * open.length)]?.settle(0);
  };

  for (let step = 0; step < 800 || session.hasState || outgoing.size > 0; step++) {
    expect(step).toBeLessThan(50_000);
    const choice = random();
    const qos = random() < 0.5 ? 1 : 2;
    if (!up) connect();
    else if (choice < 0.05 && step < 700) cut();
    else if (choice < 0.2 && accepted.length < 100) accepted.push(bench.publish(`q${qos}-${accepted.length}`, qos));
    else if (choice < 0.35 && produced < 100 && outgoing.size < RECEIVE_MAXIMUM) produce();
    else if (choice < 0.5) settle();
    else if (choice < 0.75 && inbox.length > 0) serve();
    else if (outbox.length > 0) outbox.shift()?.();
    else if (inbox.length > 0) serve();
    observe();
  }

  expect(accepted.every(({ ack }) => ack?.reasonCode === 0)).toBe(true);
  expect(taken.size).toBe(accepted.length);
  expect(delivered.size).toBe(produced);
  const twice = [...taken, ...delivered].filter(([topic, times]) => topic[1] === "2" && times !== 1);
  expect(twice).toEqual([]);
  expect(bench.stats).toMatchObject({ publishesInflight: 0, publishesAcked: accepted.length, protocolErrors: 0 });
  return connections;
}

describe("a client and a broker with links that break at random", () => {
  it("deliver everything at QoS 1, and exactly once at QoS 2, in order, over many seeds", async () => {
    for (let seed = 1; seed <= 8; seed++) expect(await wholeClient(seed)).toBeGreaterThan(2);
  });
});

async function wholeClient(seed: number): Promise<number> {
  const clock = new VirtualClock({ seed });
  const random = seeded(seed * 31_337);
  const broker = new TestBroker({ clock, receiveMaximum: 1 + Math.floor(random() * 5) });
  const make = (clientId: string, receiveMaximum: number): Client =>
    new Client({
      broker: "mqtt://test",
      clientId,
      transport: broker.transport({ latency: Math.floor(random() * 5) }),
      clock,
      receiveMaximum,
      reconnectBackoff: constantBackoff(10),
    });
  const sender = make("sender", 10);
  const receiver = make("receiver", 1 + Math.floor(random() * 5));
  await clock.run(Promise.all([sender.connect(), receiver.connect()]));
  const sub = await clock.run(receiver.subscribe("t/#", { qos: 2 }));
  const got: string[] = [];
  const held: Message[] = [];
  const loop = follow(
    (async () => {
      for await (const message of sub) {
        got.push(message.topic);
        held.push(message);
      }
    })(),
  );
  const sent: { topic: string; outcome: Outcome<unknown> }[] = [];
  let tries = 0;
  while (sent.length < 60 || sent.some(({ outcome }) => outcome.status === "pending")) {
    expect(++tries).toBeLessThan(5000);
    const choice = random();
    if (choice < 0.4 && sent.length < 60 && sender.state.status === "connected") {
      const qos = random() < 0.5 ? 1 : 2;
      const topic = `t/${qos}/${sent.length}`;
      sent.push({ topic, outcome: follow(sender.publish(topic, "x".repeat(Math.floor(random() * 200)), { qos })) });
    } else if (choice < 0.5 && tries < 500) {
      broker.drop(random() < 0.5 ? "sender" : "receiver");
    } else if (choice < 0.52 && tries < 500) {
      await clock.run(broker.restart({ downtime: Math.floor(random() * 30) }));
    } else if (choice < 0.8) {
      held.splice(Math.floor(random() * held.length), 1)[0]?.ack();
    }
    await clock.advance(Math.floor(random() * 4));
  }
  // The last ones: everything is acked and comes in.
  const accepted = sent.filter(({ outcome }) => outcome.status === "resolved").map(({ topic }) => topic);
  const refused = sent.filter(({ outcome }) => outcome.status === "rejected");
  expect(refused.map(({ outcome }) => codeOf(outcome.error)).filter((code) => code !== "NOT_CONNECTED")).toEqual([]);
  for (let round = 0; round < 1000 && new Set(got).size < accepted.length; round++) {
    for (const message of held.splice(0)) message.ack();
    await clock.advance(20);
  }
  expect([...new Set(got)].toSorted()).toEqual(accepted.toSorted());
  const twos = got.filter((topic) => topic.startsWith("t/2"));
  expect(twos.length).toBe(new Set(twos).size);
  // First arrivals come in the order of publishing.
  const order = [...new Set(got)].map((topic) => Number(topic.split("/")[2]));
  expect(order).toEqual(order.toSorted((one, other) => one - other));
  await clock.run(Promise.all([sender.disconnect(), receiver.disconnect()]));
  await clock.settle();
  expect(loop.status).toBe("resolved");
  expect([sender.stats().protocolErrors, receiver.stats().protocolErrors]).toEqual([0, 0]);
  return receiver.stats().connects;
}
