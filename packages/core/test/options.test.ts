// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import {
  Client,
  type ClientOptions,
  InvalidArgumentError,
  MqttError,
  type PublishOptions,
  type SubscribeOptions,
} from "../src/index.js";
import { Bench, BrokerBench, follow } from "./bench.js";

/** Makes a client and gives the error. */
function refused(options: unknown): InvalidArgumentError {
  try {
    const client = new Client(options as ClientOptions);
    throw new Error(`accepted ${JSON.stringify(options)} as ${client.clientId}`);
  } catch (error) {
    if (error instanceof InvalidArgumentError) return error;
    throw error;
  }
}

const LONG = "x".repeat(65_536);
const WIDE = "ü".repeat(32_768);
const BAD_TEXT = ["\ud800", "a\udc00b", "a\0b", LONG, WIDE];
const NO_NUMBER = [-1, 1.5, Number.NaN, "1", null, {}, 1n];

const WRONG: Record<string, readonly unknown[]> = {
  clientId: [5, null, ...BAD_TEXT],
  username: [5, null, ...BAD_TEXT],
  password: [5, null, {}, [1], "\ud800", new Uint8Array(65_536), LONG, new ArrayBuffer(4)],
  keepAlive: [0, true, "30", Infinity, 65_536, ...NO_NUMBER],
  cleanStart: ["yes", 1, null],
  sessionExpiryInterval: [2 ** 32, Infinity, ...NO_NUMBER],
  receiveMaximum: [0, 65_536, ...NO_NUMBER],
  maximumPacketSize: [0, 2 ** 32, Infinity, ...NO_NUMBER],
  topicAliasMaximum: [65_536, ...NO_NUMBER],
  requestResponseInformation: [1, "true", null],
  requestProblemInformation: [0, "false", null],
  userProperties: [
    "x",
    5,
    {},
    [5],
    ["ab"],
    [["a"]],
    [["a", 5]],
    [["a", "b", "c"]],
    ...BAD_TEXT.flatMap((text) => [[[text, "b"]], [["a", text]]]),
  ],
  connectTimeout: [0, Infinity, ...NO_NUMBER.filter((value) => value !== 1.5)],
  pingTimeout: [0, 30_000, Infinity, ...NO_NUMBER.filter((value) => value !== 1.5)],
  disconnectTimeout: [Infinity, ...NO_NUMBER.filter((value) => value !== 1.5)],
  retryInitialConnect: [1, "no", null],
  reconnectBackoff: [5, {}, null, "exponential"],
  sessionLossPolicy: ["drop", 1, null, "Republish"],
  qosDowngrade: [1, "yes", null],
  maximumBufferedBytes: [0, ...NO_NUMBER],
  maximumPendingBytes: [0, ...NO_NUMBER],
  writeOverflow: ["drop-oldest", "block", 1, true, null],
  maximumTurnBytes: [0, ...NO_NUMBER],
  maximumTurnPackets: [0, ...NO_NUMBER],
  lenientDecoding: [1, "no", null],
  transport: [5, {}, "tcp", null, { connect: 5 }],
  tls: [5, "x", null],
  logger: [5, "console", null],
  clock: [5, {}, null],
  onConnectionUp: [5, {}, null],
  onConnectionDown: [5, "f"],
  onConnectError: [5],
  onReconnectAttempt: [5],
  onServerDisconnect: [5],
  onResubscribeError: [5],
};

const WRONG_WILL: Record<string, readonly unknown[]> = {
  topic: [undefined, 5, "", "a/#", "a/+", "+", ...BAD_TEXT],
  payload: [5, {}, null, "\ud800", new Uint8Array(65_536), LONG],
  qos: [3, -1, 1.5, "1", null],
  retain: [1, "x", null],
  payloadFormatIndicator: [2, -1, true, "1"],
  messageExpiryInterval: [2 ** 32, -1, 1.5, "1"],
  willDelayInterval: [2 ** 32, -1, 1.5, "1"],
  contentType: [5, ...BAD_TEXT],
  responseTopic: [5, "", "a/#", "a/+", ...BAD_TEXT],
  correlationData: ["text", 5, new Uint8Array(65_536)],
  userProperties: [5, [["a"]], [["a", "\0"]]],
};

describe("new Client", () => {
  for (const [field, values] of Object.entries(WRONG)) {
    it(`names ${field} and its limit if it is wrong [parity 27]`, () => {
      for (const value of values) {
        const error = refused({ broker: "mqtt://test", [field]: value });
        expect([value, error.field.split(/[.[]/).findLast((part) => part === field) ?? error.field]).toEqual([
          value,
          field,
        ]);
        expect(error).toMatchObject({ name: "InvalidArgumentError", delivery: "not-sent" });
        expect(error.limit.length).toBeGreaterThan(0);
        expect(error.message).toContain(error.limit);
        expect(error.message.length).toBeLessThan(400);
      }
    });
  }

  for (const [field, values] of Object.entries(WRONG_WILL)) {
    it(`names ${field} of a Will that is wrong [parity 32]`, () => {
      for (const value of values) {
        const error = refused({ broker: "mqtt://test", will: { topic: "t", [field]: value } });
        expect([value, error.field]).toEqual([value, expect.stringContaining(field)]);
        expect(error.field).toContain("will");
      }
    });
  }

  it("names options and will if they are no objects", () => {
    for (const options of [undefined, null, 5, "mqtt://x"]) expect(refused(options).field).toBe("options");
    for (const will of [5, "t", null]) expect(refused({ broker: "mqtt://x", will }).field).toBe("will");
  });

  it("finds a bad identifier, credential or Will by encoding the CONNECT [parity 32]", () => {
    for (const bad of [{ clientId: LONG }, { username: "\0" }, { password: LONG }, { will: { topic: "a/#" } }]) {
      expect(refused({ broker: "mqtt://x", ...bad })).toBeInstanceOf(MqttError);
    }
  });

  it("never shows a password in an error", () => {
    const secret = "sesame\ud800";
    const shown = [
      refused({ broker: "mqtt://x", password: secret }),
      refused({ broker: "mqtt://x", password: `sesame${LONG}` }),
      refused({ broker: "mqtt://user:sesame@host" }),
    ];
    for (const error of shown) {
      expect(error.message).not.toContain("sesame");
      expect(JSON.stringify(error)).not.toContain("sesame");
    }
  });

  it("switches keep-alive off only by false [parity 33]", () => {
    expect(refused({ broker: "mqtt://x", keepAlive: 0 }).field).toBe("keepAlive");
    expect(new Client({ broker: "mqtt://x", keepAlive: false })).toBeInstanceOf(Client);
  });

  it("wants the ping timeout below the keep-alive [parity 34]", () => {
    for (const [keepAlive, pingTimeout] of [
      [10, 10_000],
      [1, 1000],
      [1, 5000],
    ]) {
      expect(refused({ broker: "mqtt://x", keepAlive, pingTimeout })).toMatchObject({
        code: "INVALID_FIELD",
        field: "pingTimeout",
      });
    }
    expect(new Client({ broker: "mqtt://x", keepAlive: 1, pingTimeout: 999 })).toBeInstanceOf(Client);
  });

  it("has a ping timeout of 10 s or half the keep-alive by default [parity 34]", async () => {
    for (const [keepAlive, timeout] of [
      [4, 2000],
      [20, 10_000],
      [100, 10_000],
    ] as const) {
      const bench = new Bench();
      const { client } = await bench.connect({ keepAlive });
      await bench.clock.advance(keepAlive * 1000 + timeout - 1);
      expect(client.state.status).toBe("connected");
      await bench.clock.advance(1);
      expect(client.state.status).toBe("waiting");
      await bench.end(client);
    }
  });

  it("does no I/O and sets no timer [parity 27]", () => {
    const bench = new Bench();
    let dials = 0;
    const transport = {
      connect: () => {
        dials++;
        return Promise.reject(new Error("dialled"));
      },
    };
    expect(bench.client({ transport }).state.status).toBe("idle");
    expect([dials, bench.clock.pending]).toEqual([0, 0]);
  });
});

describe("the broker list", () => {
  it("that is empty and a bad URL in it give different errors; the latter names the index [parity 28]", () => {
    for (const options of [{}, { brokers: [] }, { broker: undefined }, { brokers: "mqtt://x" }]) {
      expect(refused(options)).toMatchObject({ code: "MISSING_BROKER" });
    }
    for (const bad of [
      "",
      "localhost",
      "localhost:1883",
      "//x",
      "mqtt://",
      "mqtt:",
      5,
      null,
      {},
      "mqtt://[::1",
      "unix:",
      "mqtt://x:99999",
    ]) {
      expect(refused({ brokers: ["mqtt://a", bad] })).toMatchObject({
        code: "INVALID_BROKER_URL",
        field: "brokers[1]",
      });
    }
    expect(refused({ broker: "x", brokers: ["mqtt://x"] }).code).toBe("INVALID_FIELD");
  });

  it("has known schemes only, unless there is a transport [parity 29]", () => {
    for (const scheme of ["mqtt", "tcp", "mqtts", "tls", "ssl"])
      expect(new Client({ broker: `${scheme}://host` })).toBeInstanceOf(Client);
    expect(new Client({ broker: "unix:/run/broker.sock" })).toBeInstanceOf(Client);
    for (const scheme of ["http", "ws", "wss", "file", "mqtt5"]) {
      const broker = `${scheme}://host`;
      expect(refused({ broker })).toMatchObject({ code: "INVALID_BROKER_URL", field: "brokers[0]", value: broker });
      expect(new Client({ broker, transport: { connect: () => Promise.reject(new Error("no")) } })).toBeInstanceOf(
        Client,
      );
    }
  });
});

describe("bad arguments", () => {
  const publishes: [unknown, unknown, unknown, string][] = [
    ...(["", "a/#", "#", "a/+", "+", "a+b", 5, null, undefined, {}, ...BAD_TEXT].map((topic) => [
      topic,
      "",
      {},
      "topic",
    ]) as [unknown, unknown, unknown, string][]),
    ...([5, null, {}, [1], new ArrayBuffer(1), "\ud800", true].map((payload) => ["t", payload, {}, "payload"]) as [
      unknown,
      unknown,
      unknown,
      string,
    ][]),
    ...([3, -1, 1.5, "1", null, Number.NaN].map((qos) => ["t", "", { qos }, "qos"]) as [
      unknown,
      unknown,
      unknown,
      string,
    ][]),
    ["t", "", { retain: 1 }, "retain"],
    ["t", "", { retain: null }, "retain"],
    ["t", "", { payloadFormatIndicator: 2 }, "payloadFormatIndicator"],
    ["t", "", { payloadFormatIndicator: true }, "payloadFormatIndicator"],
    ["t", "", { messageExpiryInterval: -1 }, "messageExpiryInterval"],
    ["t", "", { messageExpiryInterval: 2 ** 32 }, "messageExpiryInterval"],
    ["t", "", { messageExpiryInterval: 1.5 }, "messageExpiryInterval"],
    ["t", "", { messageExpiryInterval: "1" }, "messageExpiryInterval"],
    ["t", "", { contentType: 5 }, "contentType"],
    ["t", "", { contentType: "\0" }, "contentType"],
    ["t", "", { contentType: LONG }, "contentType"],
    ["t", "", { responseTopic: "a/#" }, "responseTopic"],
    ["t", "", { responseTopic: "" }, "responseTopic"],
    ["t", "", { responseTopic: "\ud800" }, "responseTopic"],
    ["t", "", { correlationData: "text" }, "correlationData"],
    ["t", "", { correlationData: new Uint8Array(65_536) }, "correlationData"],
    ["t", "", { userProperties: [["a"]] }, "userProperties"],
    ["t", "", { userProperties: [["a", "\ud800"]] }, "userProperties"],
    ["t", "", { userProperties: 5 }, "userProperties"],
    ["t", "", { timeout: -1 }, "timeout"],
    ["t", "", { timeout: Number.NaN }, "timeout"],
    ["t", "", { timeout: "1" }, "timeout"],
    ["t", "", { signal: 5 }, "signal"],
    ["t", "", { signal: {} }, "signal"],
    ["t", "", null, "options"],
    ["t", "", 5, "options"],
  ];

  it("of publish are named, at every QoS, connected or not, and nothing is sent [MQTT-3.3.2-2] [MQTT-4.7.3-1] [MQTT-3.3.2-14]", async () => {
    const bench = new Bench();
    const idle = bench.client();
    const { client, connection } = await bench.connect();
    for (const [topic, payload, options, field] of publishes) {
      for (const qos of [0, 1, 2]) {
        for (const publisher of [idle, client]) {
          const full =
            typeof options === "object" && options !== null && !("qos" in options) ? { ...options, qos } : options;
          const outcome = follow(publisher.publish(topic as string, payload as string, full as PublishOptions));
          await Promise.resolve();
          await Promise.resolve();
          const { error } = outcome;
          expect([topic, payload, options, error]).toEqual([topic, payload, options, expect.any(InvalidArgumentError)]);
          expect((error as InvalidArgumentError).field).toContain(field);
          expect((error as InvalidArgumentError).limit.length).toBeGreaterThan(0);
          expect((error as InvalidArgumentError).delivery).toBe("not-sent");
        }
      }
    }
    await connection.expectNone({ within: 100 });
    expect(client.stats()).toMatchObject({ publishesSent: 0, publishesInflight: 0, sendQuota: 65_535 });
    await bench.end(client);
  });

  const filters: [unknown, unknown, string][] = [
    ...([
      "",
      "a/#/b",
      "#a",
      "a#",
      "a+",
      "+a",
      "a/+b",
      "++",
      "##",
      "$share/g",
      "$share/g/",
      "$share//t",
      "$share/g+/t",
      "$share/g#/t",
      "$share/g/a#",
      ...BAD_TEXT,
    ].map((filter) => [filter, {}, "filter"]) as [unknown, unknown, string][]),
    [5, {}, "filter"],
    [null, {}, "filter"],
    [undefined, {}, "filter"],
    [[], {}, "filters"],
    [["a", "a"], {}, "filters[1]"],
    [["a", ""], {}, "filters[1]"],
    [[{ topic: 5 }], {}, "filter"],
    [{ topic: "a/#/b" }, {}, "filter"],
    [{ topic: "a", qos: 3 }, {}, "qos"],
    ["a", { qos: 3 }, "qos"],
    ["a", { qos: "1" }, "qos"],
    ["a", { noLocal: 1 }, "noLocal"],
    ["$share/g/a", { noLocal: true }, "noLocal"],
    ["a", { retainAsPublished: 1 }, "retainAsPublished"],
    ["a", { retainHandling: 3 }, "retainHandling"],
    ["a", { retainHandling: "1" }, "retainHandling"],
    ["a", { overflow: "block" }, "overflow"],
    ["a", { bufferSize: 0 }, "bufferSize"],
    ["a", { bufferSize: 1.5 }, "bufferSize"],
    ["a", { autoAck: 1 }, "autoAck"],
    ["a", { onDrop: 5 }, "onDrop"],
    ["a", { signal: 5 }, "signal"],
    ["a", null, "options"],
    ["a", 5, "options"],
  ];

  it("of subscribe are named, whatever the consumer, and nothing is sent [MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.8.2-1] [MQTT-4.8.2-2] [MQTT-3.8.3-2] [MQTT-3.8.3-4]", async () => {
    const bench = new Bench();
    const idle = bench.client();
    const { client, connection } = await bench.connect();
    for (const [filter, options, field] of filters) {
      for (const subscriber of [idle, client]) {
        for (const outcome of [
          follow<unknown>(subscriber.subscribe(filter as string, options as SubscribeOptions)),
          follow<unknown>(subscriber.subscribeQueue(filter as string, options as SubscribeOptions)),
          follow<unknown>(subscriber.subscribeCallback(filter as string, () => {}, options as SubscribeOptions)),
        ]) {
          await Promise.resolve();
          await Promise.resolve();
          await Promise.resolve();
          expect([filter, options, outcome.error]).toEqual([filter, options, expect.any(InvalidArgumentError)]);
          expect((outcome.error as InvalidArgumentError).field).toContain(field);
        }
      }
    }
    for (const [handler, options, field] of [
      [5, {}, "handler"],
      [undefined, {}, "handler"],
      [() => {}, { concurrency: 0 }, "concurrency"],
      [() => {}, { concurrency: 1.5 }, "concurrency"],
    ] as const) {
      await expect(client.subscribeCallback("a", handler as () => void, options)).rejects.toMatchObject({ field });
    }
    await connection.expectNone({ within: 100 });
    expect(client.stats()).toMatchObject({ subscriptionsActive: 0, subscribesSent: 0 });
    await bench.end(client);
  });

  it("what is just within the limits is taken", async () => {
    const bench = new BrokerBench();
    const client = await bench.connect({
      clientId: "x".repeat(65_535),
      username: "ü".repeat(32_767),
      password: new Uint8Array(65_535),
      sessionExpiryInterval: 2 ** 32 - 1,
      receiveMaximum: 65_535,
      maximumPacketSize: 2 ** 32 - 1,
      topicAliasMaximum: 65_535,
      keepAlive: 65_535,
      maximumBufferedBytes: Infinity,
      disconnectTimeout: 0,
    });
    const topic = "ü".repeat(32_767);
    for (const filter of ["/", "//", "/#", "+/+", "$share/g//t", "$SYS/#", topic, "a".repeat(65_535)]) {
      const sub = await bench.clock.run(client.subscribe(filter));
      expect(sub.refused).toEqual([]);
    }
    for (const name of ["/", " ", "a//b", "\ufeff", topic]) {
      await bench.clock.run(client.publish(name, new Uint8Array(0), { qos: 1, messageExpiryInterval: 2 ** 32 - 1 }));
    }
    await bench.clock.run(client.disconnect());
  });
});
