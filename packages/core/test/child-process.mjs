// SPDX-License-Identifier: Apache-2.0
// The programs of child-process.test.ts. They handle the promises of the calls they made themselves, and register no listener
// and no callback with the client. What their calls came to is written to stdout, as one JSON object at the end.
import { Client, constantBackoff } from "@mqttv5/core";

const [program = "", broker = ""] = process.argv.slice(2);

/** Milliseconds. A timer of this length that is left behind keeps the process far longer than the test waits. */
const LONG = 600_000;
const TOPIC = "t";

function clientOf(options = {}) {
  return new Client({
    broker,
    clientId: "child",
    keepAlive: 3600,
    pingTimeout: LONG,
    connectTimeout: LONG,
    reconnectBackoff: constantBackoff(LONG),
    ...options,
  });
}

/** How a call ended: `done`, or the error's code and what is known of the delivery. */
async function outcome(promise) {
  try {
    await promise;
    return "done";
  } catch (error) {
    return error.delivery === undefined ? error.code : `${error.code} ${error.delivery}`;
  }
}

/** Reads a subscription to its end. */
async function read(subscription) {
  for await (const message of subscription) message.ack();
}

/** Waits for the test to say that the other side has come so far. */
async function told() {
  await process.stdin[Symbol.asyncIterator]().next();
  process.stdin.destroy(); // a handle of this program's own
}

async function until(condition) {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

const publishBoth = (client, options) =>
  Promise.all([1, 2].map((qos) => outcome(client.publish(TOPIC, "hi", { ...options, qos }))));

const programs = {
  /** Connects, and leaves it at that. */
  async connect() {
    return { connect: await outcome(clientOf().connect()) };
  },

  /** A client that goes on trying is told to stop. */
  async retry() {
    const client = clientOf({ retryInitialConnect: true });
    const connect = outcome(client.connect());
    const connected = outcome(client.connected());
    await until(() => client.state.status === "waiting");
    await client.disconnect();
    return { connect: await connect, connected: await connected };
  },

  /** A loop, a queue that nobody reads, and a publish at QoS 1 and 2, whatever happens to the connection. */
  async talk() {
    const client = clientOf({ reconnectBackoff: constantBackoff(1) });
    await client.connect();
    const loop = outcome(read(await client.subscribe(TOPIC)));
    await client.subscribeQueue("unread");
    const publish = await publishBoth(client);
    await client.disconnect();
    return { publish, loop: await loop };
  },

  /** The same, but the broker stays away. */
  async giveUp() {
    const client = clientOf();
    await client.connect();
    const loop = outcome(read(await client.subscribe(TOPIC)));
    const queue = await client.subscribeQueue("unread");
    const dequeue = outcome(queue.dequeue());
    const publish = publishBoth(client);
    await until(() => client.state.status === "waiting");
    const later = await outcome(client.publish(TOPIC));
    const waiting = outcome(client.publish(TOPIC, "", { qos: 1, whenOffline: "wait" }));
    await client.disconnect();
    return {
      publish: await publish,
      loop: await loop,
      dequeue: await dequeue,
      later,
      waiting: await waiting,
    };
  },

  /** A subscription that the broker refuses. */
  async refused() {
    const client = clientOf();
    await client.connect();
    const subscribe = await outcome(client.subscribe(TOPIC));
    const early = await outcome(client.subscribeQueue(["x", "y"], { qos: 1 }));
    await client.disconnect();
    return { subscribe, early };
  },

  /** A subscription that was made before the connection, and is refused then. */
  async refusedEarly() {
    const client = clientOf();
    const loop = outcome(read(await client.subscribe(TOPIC)));
    await client.subscribeQueue("unread");
    await client.connect();
    const ended = await loop;
    await client.disconnect();
    return { loop: ended };
  },

  /** Every call that waits is aborted. */
  async abort() {
    const client = clientOf();
    await client.connect();
    const queue = await client.subscribeQueue("unread");
    const other = await client.subscribeQueue("other");
    const { signal, abort } = aborter();
    const calls = [
      publishBoth(client, { signal }),
      outcome(client.subscribe(TOPIC, { signal })),
      outcome(queue.dequeue({ signal })),
      outcome(other.unsubscribe({ signal })),
    ];
    await told();
    abort();
    const [publish, subscribe, dequeue, unsubscribe] = await Promise.all(calls);
    await client.disconnect();
    return { publish, subscribe, dequeue, unsubscribe };
  },

  /** The connect is aborted. */
  async abortConnect() {
    const client = clientOf();
    const { signal, abort } = aborter();
    const connect = outcome(client.connect({ signal }));
    const connected = outcome(client.connected());
    await told();
    abort();
    return { connect: await connect, connected: await connected };
  },

  // `disconnect` in every state

  async idle() {
    const client = clientOf();
    await client.disconnect();
    await clientOf()[Symbol.asyncDispose]();
    return { state: client.state.status };
  },

  /** In the same turn as `connect`. */
  async atOnce() {
    const client = clientOf();
    const connect = outcome(client.connect());
    await client.disconnect();
    return { connect: await connect, state: client.state.status };
  },

  /** While the transport dials, or waits for CONNACK: as far as the test lets it come. */
  async connecting() {
    const client = clientOf();
    const connect = outcome(client.connect());
    await told();
    const before = client.state.status;
    await client.disconnect();
    return { before, connect: await connect, state: client.state.status };
  },

  async connected() {
    const client = clientOf();
    await client.connect();
    await client.disconnect();
    return { state: client.state.status };
  },

  /** By dispose, with calls under way. */
  async disposed() {
    const client = clientOf();
    await client.connect();
    const publish = publishBoth(client);
    const subscribe = outcome(client.subscribe(TOPIC));
    await told();
    await client[Symbol.asyncDispose]();
    return { publish: await publish, subscribe: await subscribe, state: client.state.status };
  },

  async waiting() {
    const client = clientOf();
    await client.connect();
    await until(() => client.state.status === "waiting");
    await client.disconnect();
    return { state: client.state.status };
  },

  /** While an earlier one is under way. */
  async closing() {
    const client = clientOf();
    await client.connect();
    const first = outcome(client.disconnect());
    const second = outcome(client.disconnect({ reasonCode: 4 }));
    const disposed = outcome(client[Symbol.asyncDispose]());
    return { first: await first, second: await second, disposed: await disposed, state: client.state.status };
  },
};

function aborter() {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}

console.log(JSON.stringify(await programs[program]()));
