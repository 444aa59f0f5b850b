// SPDX-License-Identifier: Apache-2.0
import { encodeUtf8, PacketType, type Publish } from "@mqttv5/wire";
import type { ScriptedConnection } from "@mqttv5/testing";
import { describe, expect, it } from "vitest";
import type { Client, ClientOptions, Codec, Message, MqttError } from "../src/index.js";
import {
  Bench,
  BrokerBench,
  codeOf,
  follow,
  grant,
  type Outcome,
  puback,
  pubcomp,
  publish,
  pubrec,
  suback,
} from "./bench.js";

const { Publish: PublishType, Subscribe } = PacketType;

/** How a call ended: `CODE delivery`, or the response. */
function ending(outcome: Outcome<Message>): string {
  const { code, delivery } = (outcome.error ?? {}) as Partial<MqttError>;
  if (outcome.status === "rejected") return `${code} ${delivery ?? "-"}`;
  return outcome.value?.text() ?? outcome.status;
}

/** A client whose first request has just been sent. */
async function asked(
  options: Partial<ClientOptions> = {},
  qos: 0 | 1 | 2 = 1,
): Promise<{ bench: Bench; client: Client; connection: ScriptedConnection; call: Outcome<Message>; packet: Publish }> {
  const bench = new Bench();
  const { client, connection } = await bench.connect(options);
  const call = follow(client.request("ask", "question", { qos }));
  await grant(connection);
  const packet = await connection.expect(PublishType);
  return { bench, client, connection, call, packet };
}

/** The response to a request. */
function response(to: Publish, payload: string) {
  const { responseTopic = "", correlationData } = to.properties;
  return publish(responseTopic, payload, { properties: { correlationData } });
}

describe("request", () => {
  it("subscribes once, sends Response Topic and 16 bytes of Correlation Data, and resolves with the response", async () => {
    const { bench, client, connection, call, packet } = await asked();
    expect(packet.properties.responseTopic).toMatch(/^responses\/client\/[0-9a-f]{16}$/);
    expect(packet.properties.correlationData).toHaveLength(16);
    connection.send(puback(packet.packetId), response(packet, "answer"));
    await bench.clock.settle();
    expect(ending(call)).toBe("answer");
    const second = follow(client.request("ask", "again"));
    const next = await connection.expect(PublishType); // no other SUBSCRIBE
    expect(next.properties.responseTopic).toBe(packet.properties.responseTopic);
    expect(next.properties.correlationData).not.toEqual(packet.properties.correlationData);
    connection.send(response(next, "more"));
    await bench.clock.settle();
    expect(ending(second)).toBe("more");
    await bench.end(client);
  });

  it("acks the response", async () => {
    const { bench, client, connection, call, packet } = await asked();
    connection.send(puback(packet.packetId), { ...response(packet, "answer"), qos: 1, packetId: 7 });
    await connection.expect(puback(7));
    expect(ending(call)).toBe("answer");
    await bench.end(client);
  });

  it("uses the Response Information of the broker, the configured basis, or the Client Identifier", async () => {
    const cases: [Partial<ClientOptions>, string | undefined, string][] = [
      [{ requestResponseInformation: true }, "given/by/broker", "given/by/broker/"],
      [{ requestResponseInformation: true }, "given/", "given/"],
      [{ requestResponseInformation: true }, "no/#/topic", "responses/client/"],
      [{ requestResponseInformation: true, responseTopic: "mine" }, "given", "mine/"],
      [{ requestResponseInformation: true }, undefined, "responses/client/"],
      [{ clientId: "a+b#c/d" }, undefined, "responses/a_b_c/d/"],
    ];
    for (const [options, responseInformation, prefix] of cases) {
      const bench = new Bench();
      const properties = responseInformation === undefined ? {} : { responseInformation };
      const { client, connection } = await bench.connect(options, { connack: { properties } });
      void follow(client.request("ask", ""));
      const { subscriptions } = await connection.expect(Subscribe);
      expect(subscriptions[0]?.filter.replace(/[0-9a-f]{16}$/, "")).toBe(prefix);
      await bench.end(client);
    }
    expect(() => new Bench().client({ responseTopic: "a/+" })).toThrow(
      expect.objectContaining({ field: "responseTopic" }),
    );
  });

  it("takes another Response Topic where the Response Information is another, once the old one is done with", async () => {
    const bench = new Bench();
    const options = { requestResponseInformation: true };
    const { client, connection } = await bench.connect(options, {
      connack: { properties: { responseInformation: "one" } },
    });
    const first = follow(client.request("ask", ""));
    await grant(connection);
    const packet = await connection.expect(PublishType);
    const next = await bench.reconnect(connection, { properties: { responseInformation: "two" } });
    const second = follow(client.request("ask", ""));
    expect((await grant(next)).subscriptions[0]?.filter).toMatch(/^two\//);
    const other = await next.expect(PublishType);
    next.send(response(other, "second"), response(packet, "first"));
    await next.expect(PacketType.Unsubscribe);
    expect([ending(first), ending(second)]).toEqual(["first", "second"]);
    await bench.end(client);
  });

  it("a response may come before the acknowledgement", async () => {
    const { bench, client, connection, call, packet } = await asked();
    connection.send(response(packet, "quick"));
    await bench.clock.settle();
    expect(ending(call)).toBe("quick");
    connection.send(puback(packet.packetId));
    await bench.end(client);
    expect(codeOf(call.error)).toBeUndefined();
  });

  it("hostile, late and repeated responses harm nobody and are counted", async () => {
    const { bench, client, connection, call, packet } = await asked();
    const { responseTopic = "", correlationData } = packet.properties;
    const wrong: (Uint8Array | undefined)[] = [
      undefined,
      new Uint8Array(0),
      new Uint8Array(16),
      new Uint8Array(60_000),
      correlationData?.slice(0, 15),
      encodeUtf8("__proto__"),
    ];
    for (const data of wrong) connection.send(publish(responseTopic, "x", { properties: { correlationData: data } }));
    await bench.clock.settle();
    expect([ending(call), client.stats().responsesIgnored]).toEqual(["pending", wrong.length]);
    connection.send(puback(packet.packetId), response(packet, "right"), response(packet, "again"));
    await bench.clock.settle();
    expect([ending(call), client.stats().responsesIgnored]).toEqual(["right", wrong.length + 1]);
    expect(client.state.status).toBe("connected");
    await bench.end(client);
  });

  it("rejects early when nobody is subscribed to the request", async () => {
    for (const qos of [1, 2] as const) {
      const { bench, client, connection, call, packet } = await asked({}, qos);
      const { packetId } = packet;
      if (qos === 1) {
        connection.send(puback(packetId, 0x10));
      } else {
        connection.send(pubrec(packetId, 0x10)); // PUBCOMP has no such code
        await connection.expect(PacketType.Pubrel);
        connection.send(pubcomp(packetId));
      }
      await bench.clock.settle();
      expect(ending(call)).toBe("NO_MATCHING_SUBSCRIBERS refused");
      await bench.end(client);
    }
  });

  it("times out after 30 s, or as told, or is aborted, and says what is known of it", async () => {
    const { bench, client, connection, call, packet } = await asked();
    const controller = new AbortController();
    const calls = [
      follow(client.request("ask", "", { qos: 1, timeout: 50 })),
      follow(client.request("ask", "", { timeout: 60 })),
      follow(client.request("ask", "", { timeout: 60, signal: controller.signal })),
      follow(client.request("ask", "", { signal: AbortSignal.abort() })),
    ];
    connection.send(puback(packet.packetId));
    await bench.clock.settle();
    controller.abort();
    await bench.clock.advance(60);
    expect(calls.map(ending)).toEqual(["TIMEOUT unknown", "TIMEOUT unknown", "ABORTED unknown", "ABORTED not-sent"]);
    await bench.clock.advance(29_000);
    expect(ending(call)).toBe("pending");
    await bench.clock.advance(1000);
    expect(ending(call)).toBe("TIMEOUT unknown");
    await bench.end(client);
  });

  it("a request that no connection was handed is withdrawn", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({}, { connack: { properties: { receiveMaximum: 1 } } });
    void follow(client.publish("t", "", { qos: 1 }));
    await connection.expect(PublishType);
    const call = follow(client.request("ask", "", { qos: 1, timeout: 100 }));
    await grant(connection);
    await bench.clock.advance(100);
    expect(ending(call)).toBe("TIMEOUT not-sent");
    connection.send(puback(1));
    await connection.expectNone();
    await bench.end(client);
  });

  it("times out while the broker does not answer SUBSCRIBE, and rejects if it refuses it: nothing was sent", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const first = follow(client.request("ask", "", { timeout: 100 }));
    const second = follow(client.request("ask", ""));
    const { packetId } = await connection.expect(Subscribe);
    await bench.clock.advance(100);
    connection.send(suback(packetId, 0x87));
    await bench.clock.settle();
    expect([ending(first), ending(second)]).toEqual(["TIMEOUT not-sent", "SUBSCRIBE_REFUSED not-sent"]);
    const third = follow(client.request("ask", "")); // asks again
    await grant(connection);
    connection.send(response(await connection.expect(PublishType), "yes"));
    await bench.clock.settle();
    expect(ending(third)).toBe("yes");
    await bench.end(client);
  });

  it("settles when the client closes, whether acknowledged or not", async () => {
    const { bench, client, connection, call, packet } = await asked();
    const others = [follow(client.request("ask", "", { qos: 1 })), follow(client.request("ask", "", { qos: 0 }))];
    connection.send(puback(packet.packetId));
    await bench.clock.settle();
    await bench.end(client);
    expect([call, ...others].map(ending)).toEqual(Array(3).fill("CLOSED unknown"));
  });

  it("rejects without a connection, or waits for one and has the Client Identifier of it", async () => {
    const bench = new Bench();
    const client = bench.client({ clientId: "" });
    const calls = [
      follow(client.request("ask", "")),
      follow(client.request("ask", "", { whenOffline: "wait", timeout: 10 })),
      follow(client.request("ask", "", { whenOffline: "wait" })),
    ];
    await bench.clock.advance(10);
    expect(calls.map(ending)).toEqual(["NOT_CONNECTED not-sent", "TIMEOUT not-sent", "pending"]);
    const connecting = client.connect();
    const connection = await bench.peer.acceptConnect({
      connack: { properties: { assignedClientIdentifier: "given" } },
    });
    await bench.clock.run(connecting);
    expect((await grant(connection)).subscriptions[0]?.filter).toMatch(/^responses\/given\//);
    connection.send(response(await connection.expect(PublishType), "yes"));
    await bench.clock.settle();
    expect(ending(calls[2] as Outcome<Message>)).toBe("yes");
    await bench.end(client);
  });

  it("goes on over a lost connection and a lost session, on the same Response Topic", async () => {
    const { bench, client, connection, call, packet } = await asked();
    const next = await bench.reconnect(connection, { sessionPresent: false });
    const again = await grant(next);
    expect(again.subscriptions[0]?.filter).toBe(packet.properties.responseTopic);
    const resent = await next.expect(PublishType);
    next.send(puback(resent.packetId), response(resent, "late but here"));
    await bench.clock.settle();
    expect(ending(call)).toBe("late but here");
    await bench.end(client);
  });

  it("rejects what is in flight when the Response Topic is refused after a session loss", async () => {
    const { bench, client, connection, call, packet } = await asked();
    connection.send(puback(packet.packetId));
    await bench.clock.settle();
    const next = await bench.reconnect(connection, { sessionPresent: false });
    const { packetId } = await next.expect(Subscribe);
    next.send(suback(packetId, 0x87));
    await bench.clock.settle();
    expect(ending(call)).toBe("SUBSCRIBE_REFUSED unknown");
    await bench.end(client);
  });

  it("rejects once acknowledged if its Response Topic has been refused meanwhile", async () => {
    const { bench, client, connection, call } = await asked();
    const next = await bench.reconnect(connection, { sessionPresent: false });
    const { packetId } = await next.expect(Subscribe);
    next.send(suback(packetId, 0x87));
    const resent = await next.expect(PublishType);
    await bench.clock.settle();
    expect(ending(call)).toBe("pending");
    next.send(puback(resent.packetId));
    await bench.clock.settle();
    expect(ending(call)).toBe("SUBSCRIBE_REFUSED unknown");
    await bench.end(client);
  });

  it("its response is read although received messages fill their memory [decision 1]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ maximumBufferedBytes: 1000, keepAlive: false });
    const subscribing = client.subscribe("flood");
    await grant(connection);
    await bench.clock.run(subscribing);
    const call = follow(client.request("ask", ""));
    await grant(connection);
    const packet = await connection.expect(PublishType);
    for (let n = 0; n < 20; n++) connection.send(publish("flood", "x".repeat(200)));
    await bench.clock.settle();
    connection.send(response(packet, "through"));
    await bench.clock.settle();
    expect(ending(call)).toBe("through");
    await bench.end(client);
  });
});

describe("request and respond together", () => {
  async function pair(
    options: Partial<ClientOptions> = {},
  ): Promise<{ bench: BrokerBench; asking: Client; answering: Client }> {
    const bench = new BrokerBench();
    const asking = await bench.connect({ clientId: "asking", ...options });
    const answering = await bench.connect({ clientId: "answering" });
    return { bench, asking, answering };
  }

  it("answer thousands of requests at a time, each with its own response", async () => {
    const { bench, asking, answering } = await pair();
    await bench.clock.run(answering.respond("double", (request) => `${2 * Number(request.text())}`, { qos: 1 }));
    const calls = Array.from({ length: 3000 }, (_, n) =>
      asking.request("double", `${n}`, { qos: n % 2 === 0 ? 1 : 0 }),
    );
    const answers = await bench.clock.run(Promise.all(calls));
    expect(answers.map((message) => Number(message.text()))).toEqual(calls.map((_, n) => 2 * n));
    expect(answers.map(({ qos }) => qos)).toEqual(calls.map((_, n) => (n % 2 === 0 ? 1 : 0))); // the request's
    expect(bench.broker.sessions.length).toBe(2);
    await bench.clock.run(
      Promise.all([asking, answering].map((client) => client.disconnect({ sessionExpiryInterval: 0 }))),
    );
    expect(bench.clock.pending).toBe(0);
  });

  it("the response has the Correlation Data unchanged, no Response Topic, and what the handler gave it", async () => {
    const { bench, asking, answering } = await pair();
    const seen: Message[] = [];
    const handler = async (request: Message) => {
      seen.push(request);
      return {
        payload: new Uint8Array([1, 2]),
        contentType: "x/y",
        userProperties: [["a", "b"]] as const,
        qos: 1 as const,
      };
    };
    await bench.clock.run(answering.respond("ask/#", handler));
    const answer = await bench.clock.run(asking.request("ask/this", "q"));
    expect([...answer.payload]).toEqual([1, 2]);
    expect(answer.qos).toBe(1);
    const { responseTopic, contentType, userProperties } = answer.properties;
    expect([responseTopic, contentType, userProperties]).toEqual([undefined, "x/y", [["a", "b"]]]);
    expect(answer.properties.correlationData).toEqual(seen[0]?.properties.correlationData);
  });

  it("a message without Response Topic gets no response, nor does one whose handler returns nothing or fails", async () => {
    const { bench, asking, answering } = await pair();
    const published: string[] = [];
    bench.broker.subscribe("#", ({ topic }) => published.push(topic.split("/")[0] ?? ""));
    await bench.clock.run(
      answering.respond("ask/+", ({ topic }) => {
        if (topic === "ask/fails") throw new Error("no");
        return topic === "ask/silent" ? undefined : "yes";
      }),
    );
    await bench.clock.run(asking.publish("ask/plain", ""));
    const calls = ["ask/silent", "ask/fails"].map((topic) => follow(asking.request(topic, "", { timeout: 1000 })));
    await bench.clock.advance(1000);
    expect(calls.map(ending)).toEqual(["TIMEOUT unknown", "TIMEOUT unknown"]);
    expect(published).toEqual(["ask", "ask", "ask"]);
  });

  it("speak in values", async () => {
    const numbers: Codec<number> = {
      contentType: "text/number",
      encode: (value) => encodeUtf8(`${value}`),
      decode: (payload) => Number(new TextDecoder().decode(payload)),
    };
    const words: Codec<string> = {
      encode: (value) => encodeUtf8(value),
      decode: (payload) => new TextDecoder().decode(payload),
    };
    const { bench, asking, answering } = await pair();
    await bench.clock.run(answering.typed(numbers).respond("half", ({ value }) => value / 2));
    await bench.clock.run(
      answering.typed(numbers).respond("spell", async ({ value }) => (value === 3 ? "three" : undefined), {
        responseCodec: words,
      }),
    );
    const half = await bench.clock.run(asking.typed(numbers).request("half", 5));
    const spelt = await bench.clock.run(asking.typed(numbers).request("spell", 3, { responseCodec: words }));
    const value: number = half.value;
    const word: string = spelt.value;
    expect([value, word, half.properties.contentType]).toEqual([2.5, "three", "text/number"]);
    const broken: Codec<string> = {
      ...words,
      decode: () => {
        throw new Error("no");
      },
    };
    const wrong = follow(asking.typed(numbers).request("spell", 3, { responseCodec: broken }));
    await bench.clock.settle();
    expect(codeOf(wrong.error)).toBe("DECODE_FAILED");
  });
});
