// SPDX-License-Identifier: Apache-2.0
// Run by side-by-side.mjs in a project that has one version of core, while its dependency `app` has another one.
// Ends by itself, with 0 if all of it holds.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

const { urls, plugins } = JSON.parse(readFileSync(new URL("two-cores.json", import.meta.url), "utf8"));
const [broker, webSocket] = urls;

/** What a second copy could do twice, or do to the first one. */
function surroundings() {
  return {
    names: Reflect.ownKeys(globalThis),
    listeners: process.eventNames().map((name) => [name, process.listenerCount(name)]),
  };
}

const before = surroundings();
const first = await import("@mqttv5/core");
const firstWire = await import("@mqttv5/wire");
const app = await import("app");
const second = app.core;

async function holds(sentence, proof) {
  try {
    await proof();
  } catch (error) {
    process.exitCode = 1;
    console.log(`${sentence}: it does not hold\n${error.stack}`);
  }
}

/** Connected clients, one of each version, for the length of `use`. */
async function connected(use, options = {}, others = options) {
  const clients = [new first.Client({ broker, ...options }), new second.Client({ broker, ...others })];
  await Promise.all(clients.map((client) => client.connect()));
  await use(...clients);
  await Promise.all(clients.map((client) => client.disconnect()));
}

async function next(subscription) {
  const { value } = await subscription[Symbol.asyncIterator]().next();
  value.ack();
  return value;
}

function failureOf(promise) {
  return promise.then(
    () => assert.fail("it did not fail"),
    (error) => error,
  );
}

await holds("they are two", () => {
  assert.notEqual(first.Client, second.Client);
  assert.notEqual(firstWire.encode, app.wire.encode);
});

await holds("messages go from either to the other, at every QoS", () =>
  connected(async (one, other) => {
    for (const [from, to] of [
      [one, other],
      [other, one],
    ]) {
      for (const qos of [0, 1, 2]) {
        const subscription = await to.subscribe("across/#", { qos });
        await from.publish(`across/${qos}`, `hello ${qos}`, { qos });
        const message = await next(subscription);
        assert.deepEqual([message.topic, message.text(), message.qos], [`across/${qos}`, `hello ${qos}`, qos]);
        await subscription.unsubscribe();
      }
    }
  }),
);

await holds("a received message can be published by the other, with its properties", () =>
  connected(async (one, other) => {
    const sent = { contentType: "text/plain", userProperties: [["unit", "celsius"]], qos: 1 };
    const [here, there] = [await one.subscribe("here", { qos: 1 }), await other.subscribe("there", { qos: 1 })];
    await other.publish("here", "22.5", sent);
    const { payload, properties } = await next(here);
    await other.publish("there", payload, properties);
    const copy = await next(there);
    assert.deepEqual(
      [copy.properties.contentType, copy.properties.userProperties],
      ["text/plain", sent.userProperties],
    );
  }),
);

for (const name of plugins.filter((plugin) => plugin.startsWith("codec-"))) {
  const kind = name.replace("codec-", "");
  const codecs = [(await import(`@mqttv5/${name}`))[kind], app[kind][kind]];
  await holds(`${name}: either codec serves either client`, () =>
    connected(async (...clients) => {
      assert.notEqual(...codecs);
      for (const client of clients) {
        for (const codec of codecs) {
          const typed = client.typed(codec());
          const subscription = await typed.subscribe("typed", { qos: 1 });
          await typed.publish("typed", { temp: 22.5 }, { qos: 1 });
          assert.deepEqual((await next(subscription)).value, { temp: 22.5 });
          await subscription.unsubscribe();
          const failure = await failureOf(typed.publish("typed", 1n << 80n));
          assert.deepEqual([failure.code, failure.delivery], ["ENCODE_FAILED", "not-sent"]);
          for (const { MqttError } of [first, second]) assert.ok(MqttError.is(failure));
        }
      }
    }),
  );
}

await holds("MqttError.is of one knows the errors of the other, which are read the same way", async () => {
  for (const [mine, theirs] of [
    [first, second],
    [second, first],
  ]) {
    const failure = await failureOf(new theirs.Client({ broker }).publish("a", "b"));
    assert.ok(mine.MqttError.is(failure));
    assert.deepEqual([failure.code, failure.delivery], ["NOT_CONNECTED", "not-sent"]);
    assert.ok(!(failure instanceof mine.MqttError), "instanceof is for one copy: that is why there is MqttError.is");
    const wrong = await failureOf((async () => new theirs.Client({ broker, keepAlive: -1 }))());
    assert.ok(mine.MqttError.is(wrong) && wrong instanceof theirs.InvalidArgumentError);
    assert.deepEqual([wrong.name, wrong.field, wrong.value], ["InvalidArgumentError", "keepAlive", -1]);
  }
  assert.ok(!first.MqttError.is(new Error("a stranger's")));
});

await holds("an error of a transport that was made for the other comes as it is", async () => {
  for (const [mine, theirs] of [
    [first, second],
    [second, first],
  ]) {
    const thrown = new theirs.MqttError("PROTOCOL_ERROR", "The broker does not speak mqtt");
    const transport = { connect: () => Promise.reject(thrown) };
    assert.equal(await failureOf(new mine.Client({ broker, transport }).connect()), thrown);
  }
});

await holds("backoff, clock and store of one serve the other, and a store holds the session of either", async () => {
  const parts = (core) => ({ reconnectBackoff: core.exponentialBackoff(), clock: core.systemClock() });
  const store = new second.MemorySessionStore();
  const options = { broker, clientId: "moving", sessionExpiryInterval: 60, store };
  for (const [mine, theirs] of [
    [first, second],
    [second, first],
  ]) {
    const client = new mine.Client({ ...options, ...parts(theirs) });
    const { sessionPresent } = await client.connect();
    assert.equal(sessionPresent, mine === second);
    await client.publish("kept", "1", { qos: 2 });
    await client.disconnect();
  }
});

await holds("wire: either encodes the properties that the other decoded", () => {
  const properties = { contentType: "text/plain", messageExpiryInterval: 7, userProperties: [["a", "b"]] };
  const publish = {
    type: 3,
    topic: "t",
    payload: new Uint8Array(1),
    qos: 0,
    retain: false,
    duplicate: false,
    packetId: 0,
  };
  for (const [mine, theirs] of [
    [firstWire, app.wire],
    [app.wire, firstWire],
  ]) {
    const bytes = mine.encode({ ...publish, properties });
    const again = mine.encode({ ...publish, properties: theirs.decode(bytes).properties });
    assert.deepEqual(mine.decode(again).properties.toObject(), properties);
  }
});

if (plugins.includes("transport-ws")) {
  const { ws } = await import("@mqttv5/transport-ws");
  await holds("transport-ws is shared by both", () =>
    connected(
      async (one, other) => {
        const subscription = await one.subscribe("web", { qos: 1 });
        await other.publish("web", "hello", { qos: 1 });
        assert.equal((await next(subscription)).text(), "hello");
      },
      { broker: webSocket, transport: ws() },
    ),
  );
}

if (plugins.includes("group")) {
  const { ClientGroup } = await import("@mqttv5/group");
  await holds("a group, which uses one, meets a client of the other", () =>
    connected(async (_, other) => {
      const group = new ClientGroup([{ name: "only", broker }]);
      await group.connect();
      const subscription = await other.subscribe("grouped", { qos: 1 });
      await group.publish("grouped", "hello", { qos: 1 });
      assert.equal((await next(subscription)).text(), "hello");
      await group.disconnect();
    }),
  );
}

await holds("neither left a global name or a listener of the process", () => {
  assert.deepEqual(surroundings(), before);
});
