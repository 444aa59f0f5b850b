// SPDX-License-Identifier: Apache-2.0
import { encode, encodeUtf8, PacketType, ReasonCode } from "@mqttv5/wire";
import { describe, expect, it } from "vitest";
import {
  type FaultyLink,
  linkPair,
  ScriptedConnection,
  ScriptedPeer,
  type ScriptedPeerOptions,
  ScriptError,
  StepInterrupted,
  systemClock,
  VirtualClock,
} from "../src/index.js";
import { ack, connectPacket, publish, subscribePacket } from "./bench.js";

/** A peer, and a client that is a script too. */
class Stage {
  readonly clock: VirtualClock = new VirtualClock();
  readonly peer: ScriptedPeer;

  constructor(options: Partial<ScriptedPeerOptions> = {}) {
    this.peer = new ScriptedPeer({ clock: this.clock, ...options });
  }

  async dial(): Promise<ScriptedConnection> {
    const link = await this.peer.transport().connect(new URL("mqtt://test"), { signal: new AbortController().signal });
    return new ScriptedConnection(link, { clock: this.clock, peer: "server" });
  }

  async pair(): Promise<{ client: ScriptedConnection; peer: ScriptedConnection }> {
    return { client: await this.dial(), peer: await this.peer.accept() };
  }
}

describe("ScriptedPeer", () => {
  it("hands out connections in the order of their making, and waits for the next", async () => {
    const stage = new Stage();
    const { clock, peer } = stage;
    const [one, two] = [await stage.dial(), await stage.dial()];
    one.sendRaw(1);
    two.sendRaw(2);
    await (await peer.accept()).expect(Uint8Array.of(1));
    await (await peer.accept()).expect(Uint8Array.of(2));
    clock.schedule(2000, () => void stage.dial());
    await peer.accept();
    expect(clock.now()).toBe(2000);
    await expect(peer.accept()).rejects.toThrow("expected a connection, but there was none within 3000 ms");
    expect(clock.now()).toBe(5000);
  });

  it("answers a CONNECT that is as expected", async () => {
    const stage = new Stage();
    const client = await stage.dial();
    client.send(connectPacket);
    await stage.peer.acceptConnect({
      connect: { clientId: "client" },
      connack: { reasonCode: ReasonCode.ServerBusy, properties: { reasonString: "later" } },
    });
    await client.expect({
      type: PacketType.Connack,
      reasonCode: ReasonCode.ServerBusy,
      properties: { reasonString: "later" },
    });
  });

  it("assigns a Client Identifier to a client without one", async () => {
    const stage = new Stage();
    const client = await stage.dial();
    client.send({ ...connectPacket, clientId: "" });
    await stage.peer.acceptConnect({ connack: { properties: { receiveMaximum: 3 } } });
    const properties = { assignedClientIdentifier: "assigned", receiveMaximum: 3 };
    await client.expect({ type: PacketType.Connack, properties });
  });

  it("accepts a client that wants its session back, and no other", async () => {
    const stage = new Stage();
    const client = await stage.dial();
    client.send({ ...connectPacket, cleanStart: false });
    await stage.peer.acceptResume();
    await client.expect({ type: PacketType.Connack, sessionPresent: true, reasonCode: 0 });
    (await stage.dial()).send(connectPacket);
    await expect(stage.peer.acceptResume()).rejects.toThrow("cleanStart: expected false, received true");
  });

  it("notices a connection that should not be there", async () => {
    const stage = new Stage();
    await stage.peer.expectNoConnection({ within: 100 });
    await stage.dial();
    await expect(stage.peer.expectNoConnection()).rejects.toThrow("expected no connection");
  });

  it("takes a link from elsewhere, and works on real time", async () => {
    const peer = new ScriptedPeer({ clock: systemClock, timeout: 20 });
    await expect(peer.accept()).rejects.toThrow(ScriptError);
    const [a, b] = linkPair({ clock: systemClock });
    const client = new ScriptedConnection(a, { clock: systemClock, peer: "server" });
    const accepted = peer.accept();
    peer.attach(b);
    const connection = await accepted;
    await connection.expectNone();
    const packet = connection.expect(PacketType.Pingreq);
    client.send({ type: PacketType.Pingreq });
    await packet;
    await expect(connection.expect(PacketType.Pingreq)).rejects.toThrow("nothing arrived within 20 ms");
  });
});

describe("what a script expects", () => {
  it("is compared field by field, and the rest may be anything", async () => {
    const { client, peer } = await new Stage().pair();
    const properties = { contentType: "text/plain", userProperties: [["a", "b"]] } as const;
    const packet = publish("t", "hello", { qos: 1, packetId: 3, properties });
    client.send(packet, packet, packet);
    const received = await peer.expect({ type: PacketType.Publish, topic: "t", payload: "hello", properties });
    expect(received.packetId).toBe(3);
    await peer.expect({
      type: PacketType.Publish,
      payload: encodeUtf8("hello"),
      properties: { topicAlias: undefined },
    });
    expect((await peer.expect(PacketType.Publish)).qos).toBe(1);
  });

  it("if it differs is shown beside what came", async () => {
    const { client, peer } = await new Stage().pair();
    client.send(publish("t", "hello", { qos: 1, packetId: 3, properties: { contentType: "a/b", topicAlias: 1 } }));
    const wanted = {
      type: PacketType.Publish,
      qos: 2,
      payload: "bye",
      properties: { contentType: undefined },
    } as const;
    await expect(peer.expect(wanted)).rejects.toThrow(
      new ScriptError(
        [
          "qos: expected 2, received 1",
          'payload: expected "bye", received "hello" = 68 65 6c 6c 6f (5 bytes)',
          'properties.contentType: expected nothing, received "a/b"',
          "",
          "received PUBLISH",
          '  topic: "t"',
          "  qos: 1",
          "  packetId: 3",
          "  retain: false",
          "  duplicate: false",
          '  properties.contentType: "a/b"',
          "  properties.topicAlias: 1",
          '  payload: "hello" = 68 65 6c 6c 6f (5 bytes)',
        ].join("\n"),
      ),
    );
  });

  it("if it is another packet says which", async () => {
    const { client, peer } = await new Stage().pair();
    client.send(ack(PacketType.Puback, 1, 0x87), subscribePacket(["a"]));
    await expect(peer.expect(PacketType.Pubrec)).rejects.toThrow(
      "expected PUBREC\n\nreceived PUBACK\n  packetId: 1\n  reasonCode: 0x87 (Not authorized)",
    );
    client.send(subscribePacket(["a"]));
    await expect(peer.expect({ type: PacketType.Subscribe, subscriptions: [{ filter: "b" }] })).rejects.toThrow(
      'subscriptions[0].filter: expected "b", received "a"',
    );
    await expect(peer.expect({ type: PacketType.Subscribe, subscriptions: [] })).rejects.toThrow(
      "subscriptions: expected [], received [{",
    );
  });

  it("may be bytes, in any mixture with packets", async () => {
    const { client, peer } = await new Stage().pair();
    client.send({ type: PacketType.Pingreq }, publish("t", "x"), { type: PacketType.Pingreq });
    await peer.expect(Uint8Array.of(0xc0));
    await peer.expect(Uint8Array.of(0x00));
    await peer.expect(PacketType.Publish);
    client.sendRaw(0x40);
    await expect(peer.expect(Uint8Array.of(0xc0, 0x00, 0x41))).rejects.toThrow(
      "expected c0 00 41 (3 bytes)\nreceived c0 00 40 (3 bytes)",
    );
    await expect(peer.expect(Uint8Array.of(0xc0, 0x00, 0x40, 0x00), { within: 10 })).rejects.toThrow(
      "expected 4 bytes, but nothing arrived within 10 ms, only the beginning of a packet: c0 00 40 (3 bytes)",
    );
  });

  it("if it doesn't come in time, tells so, and what did come of it", async () => {
    const stage = new Stage({ timeout: 500 });
    const { client, peer } = await stage.pair();
    await expect(peer.expect(PacketType.Connect)).rejects.toThrow(
      "expected CONNECT, but nothing arrived within 500 ms",
    );
    expect(stage.clock.now()).toBe(500);
    client.sendRaw(0xc0);
    await expect(peer.next({ within: 1 })).rejects.toThrow(
      "expected a packet, but nothing arrived within 1 ms, only the beginning of a packet: c0 (1 bytes)",
    );
  });

  it("is not waited for longer than the link is open", async () => {
    const stage = new Stage();
    const { client, peer } = await stage.pair();
    client.cut(new Error("cable gone"));
    await expect(peer.expect(PacketType.Connect)).rejects.toThrow(
      "expected CONNECT, but the link was closed (cable gone)",
    );
    expect(stage.clock.now()).toBe(0);
    expect(peer.error?.message).toBe("cable gone");
  });

  it("must be legal for the side that sent it", async () => {
    const { client, peer } = await new Stage().pair();
    client.send({ type: PacketType.Pingresp });
    await expect(peer.next()).rejects.toThrow("expected a packet\n\nreceived d0 00 (2 bytes)");
    client.sendRaw(0xc0, 0xff, 0xff, 0xff, 0xff, 0x00);
    await expect(peer.next()).rejects.toThrow("received c0 ff ff ff ff 00 (6 bytes)");
  });

  it("may be nothing, or the end", async () => {
    const stage = new Stage();
    const { client, peer } = await stage.pair();
    await peer.expectNone({ within: 100 });
    await expect(peer.expectClosed({ within: 50 })).rejects.toThrow("the link is still open after 50 ms");
    client.send(publish("t", "x"));
    await expect(peer.expectNone()).rejects.toThrow('expected nothing\n\nreceived PUBLISH\n  topic: "t"');
    await expect(peer.expectClosed()).rejects.toThrow("expected the end\n\nreceived PUBLISH");
    peer.discard();
    client.sendRaw(0x00, 0x00);
    await expect(peer.expectNone()).rejects.toThrow("received type 0: ");
    peer.discard();
    client.end();
    await peer.expectClosed();
    expect(stage.clock.now()).toBe(150);
  });
});

describe("what a peer does by itself when asked", () => {
  it("grants a SUBSCRIBE, or answers it with other codes", async () => {
    const { client, peer } = await new Stage().pair();
    client.send(subscribePacket(["a", "b"]), subscribePacket(["c"], { packetId: 2 }));
    expect((await peer.acceptSubscribe()).subscriptions.map(({ filter }) => filter)).toEqual(["a", "b"]);
    await peer.acceptSubscribe([ReasonCode.NotAuthorized]);
    await client.expect({ type: PacketType.Suback, packetId: 1, reasonCodes: [2, 2] });
    await client.expect({ type: PacketType.Suback, packetId: 2, reasonCodes: [ReasonCode.NotAuthorized] });
  });

  it("waits until what it sent was dealt with", async () => {
    const stage = new Stage({ latency: 20 });
    const client = await stage.dial();
    client.send(connectPacket);
    await stage.peer.acceptConnect();
    expect(stage.clock.now()).toBe(40);
    const { client: silent, peer } = await stage.pair();
    peer.stall();
    silent.send(subscribePacket(["a"]));
    await expect(peer.acceptSubscribe()).rejects.toThrow("what was sent was not delivered within 3000 ms");
  });

  it("takes a PUBLISH to the end of its exchange", async () => {
    const { client, peer } = await new Stage().pair();
    client.send(
      publish("t", "0"),
      publish("t", "1", { qos: 1, packetId: 1 }),
      publish("t", "2", { qos: 2, packetId: 2 }),
    );
    await peer.acceptPublish({ payload: "0" });
    await peer.acceptPublish({ payload: "1" });
    await client.expect(ack(PacketType.Puback, 1));
    client.send(ack(PacketType.Pubrel, 2));
    expect((await peer.acceptPublish()).packetId).toBe(2);
    await client.expect(ack(PacketType.Pubrec, 2));
    await client.expect(ack(PacketType.Pubcomp, 2));
  });
});

describe("steps and faults", () => {
  const script = async (connection: ScriptedConnection): Promise<void> => {
    const { packetId } = await connection.expect({ type: PacketType.Publish, qos: 2 });
    connection.step("after PUBLISH");
    connection.send(ack(PacketType.Pubrec, packetId));
    connection.step("after PUBREC");
    await connection.expect(ack(PacketType.Pubrel, packetId));
    connection.step("after PUBREL");
    connection.send(ack(PacketType.Pubcomp, packetId));
  };

  const perform = async (stage: Stage): Promise<string | undefined> => {
    const { client, peer } = await stage.pair();
    client.send(publish("t", "x", { qos: 2, packetId: 1 }), ack(PacketType.Pubrel, 1));
    return stage.peer.play(peer, script);
  };

  it("a script that is not disturbed names its steps", async () => {
    const stage = new Stage();
    expect(await perform(stage)).toBeUndefined();
    expect(stage.peer.steps).toEqual(["after PUBLISH", "after PUBREC", "after PUBREL"]);
  });

  it("a cut planned for a step ends the script there", async () => {
    const plain = new Stage();
    await perform(plain);
    for (const step of plain.peer.steps) {
      const stage = new Stage();
      stage.peer.at(step, (connection) => connection.cut());
      expect(await perform(stage)).toBe(step);
      expect(stage.peer.steps.at(-1)).toBe(step);
    }
  });

  it("a script that fails by itself still fails, and says after which step", async () => {
    const stage = new Stage();
    const { client, peer } = await stage.pair();
    client.send(publish("t", "x", { qos: 2, packetId: 1 }), { type: PacketType.Pingreq });
    await expect(stage.peer.play(peer, script)).rejects.toThrow(/expected PUBREL[^]*after step "after PUBREC"/);
    peer.cut();
    expect(() => peer.step("too late")).not.toThrow(StepInterrupted);
  });

  it("faults concern what the script sends; those of the client's end are at hand too", async () => {
    const stage = new Stage();
    const { client, peer } = await stage.pair();
    peer.split(1);
    peer.corrupt(1, 0x01);
    peer.at(3, (connection) => connection.stall());
    peer.sendRaw(1, 2, 3, 4);
    await client.expect(Uint8Array.of(1, 3, 3));
    await client.expectNone({ within: 1000 });
    peer.unstall();
    await client.expect(Uint8Array.of(4));
    peer.stall();
    peer.sendRaw(5);
    await client.expectNone();
    (peer.remote as FaultyLink).at(1, () => peer.remote?.cut());
    client.sendRaw(6, 7);
    await peer.expect(Uint8Array.of(6));
    await peer.expectClosed();
  });

  it("faults other than cut need a link that can have them", async () => {
    const clock = new VirtualClock();
    const [a, b] = linkPair({ clock });
    const plain = {
      pendingBytes: 0,
      open: (receiver: ScriptedConnection) => b.open(receiver),
      send: (chunk: Uint8Array) => b.send(chunk),
      pause: () => b.pause(),
      resume: () => b.resume(),
      end: () => b.end(),
      destroy: () => b.destroy(),
    };
    const connection = new ScriptedConnection(plain, { clock });
    const other = new ScriptedConnection(a, { clock });
    expect(() => connection.stall()).toThrow("faults other than cut need a link made by linkPair");
    connection.cut();
    await other.expectClosed();
  });

  it("what is sent in one call arrives in one chunk, and the sender's array stays its own", async () => {
    const clock = new VirtualClock();
    const [a, b] = linkPair({ clock });
    const chunks: Uint8Array[] = [];
    a.open({ received: (chunk) => chunks.push(chunk.slice()), drained() {}, closed() {} });
    const connection = new ScriptedConnection(b, { clock });
    const ping = encode({ type: PacketType.Pingresp });
    connection.send(ping, ping);
    connection.send(ping);
    ping.fill(0);
    await clock.settle();
    expect(chunks).toEqual([Uint8Array.of(0xd0, 0, 0xd0, 0), Uint8Array.of(0xd0, 0)]);
  });
});
