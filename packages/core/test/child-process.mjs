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

  /** In many states one after the other, by `disconnect` and by dispose: what the calls came to, and what is left. */
  async endings() {
    const results = {};
    for (const how of ["disconnect", "dispose"]) {
      for (const [name, enter] of Object.entries(endings)) {
        const { client, calls } = await enter(`${how}-${name}`);
        const before = client.state.status;
        const outcomes = calls.map(outcome);
        await (how === "dispose" ? client[Symbol.asyncDispose]() : client.disconnect());
        const settled = await Promise.all(outcomes);
        // A socket takes a moment to close.
        for (let wait = 1; left().length > 0 && wait < 10_000; wait *= 2)
          await new Promise((go) => setTimeout(go, wait));
        results[`${name}, ${how}`] = [before, ...settled, client.state.status, ...left()].join(" > ");
      }
    }
    return results;
  },

  // Faults of section 7 of the field lessons that leave something to be handled

  /** A: Receive Maximum 1, and none of 3 publishes is acked. */
  async quota() {
    const client = clientOf();
    await client.connect();
    const calls = ["1", "2", "3"].map((text) => outcome(client.publish(TOPIC, text, { qos: 1 })));
    await told();
    await client.disconnect();
    return Promise.all(calls);
  },

  /** E, F: what the broker does not take. */
  async limits() {
    const client = clientOf();
    await client.connect();
    const codes = await Promise.all([
      outcome(client.publish(TOPIC, "x".repeat(500))),
      outcome(client.publish(TOPIC, "x", { qos: 1 })),
      outcome(client.publish(TOPIC, "x", { retain: true })),
      outcome(client.subscribe("a/#")),
    ]);
    await client.disconnect();
    return codes;
  },

  /** P, I: a broker that accepts and drops, again and again; and that gave the client its identifier. */
  async dropped() {
    const client = clientOf({ clientId: "", reconnectBackoff: constantBackoff(1) });
    await client.connect();
    await until(() => client.stats().connects === 5);
    await client.disconnect();
    return { clientId: client.clientId, publish: await outcome(client.publish(TOPIC, "", { qos: 2 })) };
  },

  /** H, T: the line is cut while a handler runs, and the message comes again. */
  async handled() {
    const client = clientOf({ reconnectBackoff: constantBackoff(1) });
    await client.connect();
    let calls = 0;
    const subscribed = outcome(
      client.subscribeCallback(
        TOPIC,
        async () => {
          calls++;
          await until(() => client.stats().inboundDuplicates === 1);
          throw new Error("a handler's own affair");
        },
        { qos: 1 },
      ),
    );
    await until(() => client.stats().connects === 2 && client.state.status !== "connected"); // it may be dialling again
    await client.disconnect();
    return { subscribed: await subscribed, calls };
  },

  /** The broker answers no PINGREQ, on one connection. */
  async silence() {
    const client = clientOf({ keepAlive: 1, pingTimeout: 50, reconnectBackoff: constantBackoff(1) });
    await client.connect();
    const loop = outcome(read(await client.subscribe(TOPIC)));
    const publish = await publishBoth(client);
    await client.disconnect();
    return { publish, loop: await loop, pingTimeouts: client.stats().pingTimeouts };
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

const never = () => new Promise(() => {});
const authenticator = (behaviour) => ({
  method: "TOKEN",
  begin: () => ({ initial: new Uint8Array(1), respond: never, ...behaviour }),
});

/** Connects with the calls that `ask` makes, once `reached`. */
async function connectedClient(clientId, options, ask = async () => [], reached = () => true) {
  const client = clientOf({ clientId, ...options });
  await client.connect();
  const calls = await ask(client);
  await until(() => reached(client));
  return { client, calls };
}

/** Begins to connect, and comes as far as `reached`. */
async function connectingClient(clientId, options, reached = () => true) {
  const client = clientOf({ clientId, ...options });
  const calls = [client.connect(), client.connected()];
  for (const call of calls) call.catch(() => {}); // it may fail before anybody looks
  await until(() => reached(client));
  return { client, calls };
}

/** Notes that it was called, and never comes back. */
function hanging() {
  const call = () => {
    call.reached = true;
    return never();
  };
  return call;
}

/** States that a client can be ended in. */
const endings = {
  "asking for credentials": (id) => {
    const credentials = hanging();
    return connectingClient(id, { credentials }, () => credentials.reached);
  },
  dialling: (id) => {
    const connect = hanging();
    return connectingClient(id, { transport: { connect } }, () => connect.reached);
  },
  "beginning an authentication": (id) => {
    const begin = hanging();
    return connectingClient(id, { authenticator: { method: "TOKEN", begin } }, () => begin.reached);
  },
  "verifying CONNACK": (id) => {
    const verify = hanging();
    return connectingClient(id, { authenticator: authenticator({ verify }) }, () => verify.reached);
  },
  "loading its store": (id) => {
    const load = hanging();
    const done = () => undefined;
    const store = { load, put: done, delete: done, setMeta: done, reset: done, close: done };
    return connectingClient(id, { store }, () => load.reached);
  },
  "waiting for the next attempt": (id) => {
    const connect = () => Promise.reject(new Error("nobody is there"));
    const options = { retryInitialConnect: true, transport: { connect } };
    return connectingClient(id, options, (client) => client.state.status === "waiting");
  },
  connected: (id) => connectedClient(id),
  "re-authenticating": (id) =>
    connectedClient(id, { authenticator: authenticator() }, async (client) => [client.reauthenticate()]),
  "answering a challenge of a re-authentication": (id) => {
    const respond = hanging();
    const options = { authenticator: authenticator({ respond }) };
    return connectedClient(
      id,
      options,
      async (client) => [client.reauthenticate()],
      () => respond.reached,
    );
  },
  "not reading": (id) =>
    connectedClient(id, {}, async (client) => {
      const queue = await client.subscribeQueue(id, { overflow: "pause", bufferSize: 1 });
      for (const text of ["1", "2", "3"]) await client.publish(id, text);
      await until(() => queue.size > 0);
      return [queue.closed];
    }),
  "a handler never returns": (id) =>
    connectedClient(id, {}, async (client) => {
      const handler = hanging();
      await client.subscribeCallback(id, handler, { qos: 1 });
      const publish = client.publish(id, "x", { qos: 1 });
      await until(() => handler.reached);
      return [publish];
    }),
  "waiting for answers": (id) =>
    connectedClient(id, {}, async (client) => [
      client.publish("unanswered", "", { qos: 1 }),
      client.publish("unanswered", "", { qos: 2 }),
      client.request("nobody", "?"),
    ]),
  "with a pool": (id) => connectedClient(id, { publisherPool: { size: 2 } }),
};

/** What keeps this process alive, besides the pipes to the test and the loop that looks. */
function left() {
  return process.getActiveResourcesInfo().filter((name) => name !== "PipeWrap" && name !== "Immediate");
}

function aborter() {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}

console.log(JSON.stringify(await programs[program]()));
