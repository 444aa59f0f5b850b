// SPDX-License-Identifier: Apache-2.0
import { type ConnectPacket, encodeUtf8, PacketType, ReasonCode, type Will, type WillProperties } from "@mqttv5/wire";
import { describe, expect, it } from "vitest";
import type { ScriptedConnection } from "../src/index.js";
import { Bench, receive, subscribe } from "./bench.js";

function will(properties: WillProperties = {}, rest: Partial<Will> = {}): Will {
  return { topic: "will", payload: encodeUtf8("gone"), qos: 1, retain: false, properties, ...rest };
}

/** A listener, and a client with a Will. */
async function start(
  bench: Bench,
  connect: Partial<ConnectPacket>,
): Promise<{ listener: ScriptedConnection; client: ScriptedConnection }> {
  const listener = await bench.connect("listener");
  await subscribe(listener, "will");
  return { listener, client: await bench.connect("a", connect) };
}

describe("a Will", () => {
  it("is published when the connection breaks, with its properties in their order [MQTT-3.1.2-8] [MQTT-3.1.3-10]", async () => {
    const bench = new Bench();
    const userProperties = [
      ["b", "1"],
      ["a", "2"],
    ] as const;
    const { listener, client } = await start(bench, {
      will: will({ contentType: "text/plain", userProperties, messageExpiryInterval: 60 }),
    });
    await bench.clock.advance(30_000);
    client.cut();
    const packet = await receive(listener, "will", "gone", { qos: 1, retain: false });
    expect(packet.properties.toObject()).toEqual({
      contentType: "text/plain",
      userProperties,
      messageExpiryInterval: 60, // counts from publication
    });
  });

  it("is retained if it asks for that [MQTT-3.1.2-14] [MQTT-3.1.2-15]", async () => {
    for (const retain of [false, true]) {
      const bench = new Bench();
      const client = await bench.connect("a", { will: will({}, { retain }) });
      client.cut();
      await bench.clock.settle();
      expect(bench.broker.retained).toHaveLength(retain ? 1 : 0);
    }
  });

  it("is dropped by DISCONNECT 0x00, and published by any other [MQTT-3.14.4-3]", async () => {
    for (const [reasonCode, published] of [
      [ReasonCode.NormalDisconnection, false],
      [ReasonCode.DisconnectWithWillMessage, true],
      [ReasonCode.UnspecifiedError, true],
    ] as const) {
      const bench = new Bench();
      const { listener, client } = await start(bench, { will: will() });
      client.send({ type: PacketType.Disconnect, reasonCode });
      await client.expectClosed();
      if (published) await receive(listener, "will", "gone");
      await listener.expectNone({ within: 60_000 });
    }
  });

  it("is published when the broker ends the connection for an error", async () => {
    const bench = new Bench();
    const { listener, client } = await start(bench, { will: will() });
    client.sendRaw(0, 0);
    await receive(listener, "will", "gone");
  });

  it("is dropped when the broker says goodbye with 0x00, and published with any other code", async () => {
    for (const reasonCode of [ReasonCode.NormalDisconnection, ReasonCode.AdministrativeAction]) {
      const bench = new Bench();
      const { listener } = await start(bench, { will: will() });
      bench.broker.disconnect("a", { reasonCode });
      if (reasonCode !== ReasonCode.NormalDisconnection) await receive(listener, "will", "gone");
      await listener.expectNone();
    }
  });

  it("is published when the keep-alive runs out", async () => {
    const bench = new Bench();
    const { listener } = await start(bench, { keepAlive: 2, will: will() });
    await receive(listener, "will", "gone");
    expect(bench.clock.now()).toBe(3000);
  });

  it("waits for its delay", async () => {
    const bench = new Bench();
    const properties = { sessionExpiryInterval: 100 };
    const { listener, client } = await start(bench, { will: will({ willDelayInterval: 10 }), properties });
    client.cut();
    await listener.expectNone({ within: 9_999 });
    await receive(listener, "will", "gone", { properties: { messageExpiryInterval: undefined } });
    expect(bench.clock.now()).toBe(10_000);
    await bench.clock.advance(100_000);
    await listener.expectNone();
  });

  it("waits no longer than its session lasts", async () => {
    for (const [sessionExpiryInterval, at] of [
      [3, 3000],
      [0, 0],
    ] as const) {
      const bench = new Bench();
      const { listener, client } = await start(bench, {
        will: will({ willDelayInterval: 10 }),
        properties: { sessionExpiryInterval },
      });
      client.cut();
      await receive(listener, "will", "gone");
      expect(bench.clock.now()).toBe(at);
    }
  });

  it("is forgotten if its client comes back within the delay [MQTT-3.1.3-9]", async () => {
    const bench = new Bench();
    const properties = { sessionExpiryInterval: 100 };
    const { listener, client } = await start(bench, { will: will({ willDelayInterval: 10 }), properties });
    client.cut();
    await bench.clock.advance(9000);
    await bench.keep("a", { will: will() });
    await listener.expectNone({ within: 600_000 });
  });

  it("is published when its client comes back with Clean Start, which ends the session", async () => {
    const bench = new Bench();
    const properties = { sessionExpiryInterval: 100 };
    const { listener, client } = await start(bench, { will: will({ willDelayInterval: 10 }), properties });
    client.cut();
    await bench.clock.advance(5000);
    await bench.connect("a", { cleanStart: true });
    await receive(listener, "will", "gone");
    expect(bench.clock.now()).toBe(5000);
  });

  it("is published on a takeover only if it has no delay", async () => {
    for (const willDelayInterval of [0, 10]) {
      const bench = new Bench();
      const properties = { sessionExpiryInterval: 100 };
      const { listener } = await start(bench, { will: will({ willDelayInterval }), properties });
      await bench.keep("a");
      if (willDelayInterval === 0) await receive(listener, "will", "gone");
      await listener.expectNone({ within: 60_000 });
    }
  });

  it("is judged like any other message of its client", async () => {
    const bench = new Bench({
      authorizePublish: ({ topic }) => (topic === "will" ? ReasonCode.NotAuthorized : undefined),
    });
    const { listener, client } = await start(bench, { will: will() });
    client.cut();
    await listener.expectNone();
  });
});
