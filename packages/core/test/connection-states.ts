// SPDX-License-Identifier: Apache-2.0
import { type ConnackPacket, type Packet, PacketType } from "@mqttv5/wire";
import type { ScriptedConnection } from "@mqttv5/testing";
import type { Client, ClientOptions, LinkReceiver, Transport } from "../src/index.js";
import { auth, connack, connected, deferred, expectAuth, METHOD, start, TestAuthenticator } from "./auth-bench.js";
import { Bench, follow, grant, type Outcome, publish, pubrec } from "./bench.js";
import { ScriptedStore } from "./scripted-store.js";

const { Connack, Pingreq, Publish, Pubrec, Pubrel, Subscribe, Unsubscribe } = PacketType;

/** A client in one of its states, and what a test needs to see what becomes of it. */
export interface Scene {
  readonly bench: Bench;
  readonly client: Client;
  readonly connection: ScriptedConnection;
  /** What the client waits for, by name. */
  readonly calls: Readonly<Record<string, Outcome<unknown>>>;
  /** What packets with an identifier refer to. Default 1. */
  readonly packetId?: number;
  /** Where CONNECT named an Authentication Method. */
  readonly method?: string;
  /** Goes ahead of what a test sends, in the same chunk. */
  readonly ahead?: Packet;
  /** How bytes reach the client, if not over the link. */
  readonly deliver?: (bytes: Uint8Array) => void;
  /** What was sent is dealt with only after this, if at all. */
  readonly release?: () => void;
}

/** A state that a broker's bytes can meet the client in. */
export interface ConnectionState {
  readonly name: string;
  /** The way there is an ordinary one: nothing has gone wrong so far. */
  enter(options?: Partial<ClientOptions>): Promise<Scene>;
}

const GOOD: ConnackPacket = { type: Connack, sessionPresent: false, reasonCode: 0 };

/** A client that waits for CONNACK. */
async function connecting(options: Partial<ClientOptions>, authenticator?: TestAuthenticator): Promise<Scene> {
  const bench = new Bench();
  const method = authenticator === undefined ? {} : { authenticator };
  const { client, connecting: connect, connection } = await start(bench, { ...method, ...options });
  return { bench, client, connection, calls: { connect }, ...(authenticator ? { method: METHOD } : {}) };
}

/** A client that is connected. */
async function open(options: Partial<ClientOptions>): Promise<Scene> {
  const bench = new Bench();
  return { bench, ...(await bench.connect(options)), calls: {} };
}

/** A client that is connected and waits for something. */
function asking(
  name: string,
  ask: (client: Client) => Promise<unknown>,
  reach: (connection: ScriptedConnection) => Promise<{ packetId: number }>,
  before: (client: Client) => Promise<unknown> | undefined = () => undefined,
): ConnectionState {
  return {
    name,
    async enter(options = {}) {
      const scene = await open(options);
      const { bench, client, connection } = scene;
      const earlier = before(client);
      if (earlier !== undefined) {
        await grant(connection);
        await bench.clock.run(earlier);
      }
      const call = follow(ask(client));
      const { packetId } = await reach(connection);
      await bench.clock.settle();
      return { ...scene, calls: { call }, packetId };
    },
  };
}

/** A client that re-authenticates, and has sent its AUTH. */
async function reauthenticating(options: Partial<ClientOptions>, authenticator: TestAuthenticator): Promise<Scene> {
  const bench = new Bench();
  const { client, connection } = await connected(bench, authenticator, options);
  const call = follow(client.reauthenticate());
  await connection.expect(PacketType.Auth);
  return { bench, client, connection, calls: { call }, method: METHOD };
}

/** A client whose link hands over what comes while it is paused, and after its end. */
async function overRudeLink(options: Partial<ClientOptions>, authenticator?: TestAuthenticator): Promise<Scene> {
  const bench = new Bench();
  const inner = bench.peer.transport();
  const receivers: LinkReceiver[] = [];
  const transport: Transport = {
    async connect(url, connectOptions) {
      const link = await inner.connect(url, connectOptions);
      const openLink = link.open.bind(link);
      link.open = (receiver) => {
        receivers.push(receiver);
        openLink(receiver);
      };
      return link;
    },
  };
  if (authenticator !== undefined) {
    const scene = await start(bench, { transport, authenticator, ...options });
    const deliver = (bytes: Uint8Array): void => receivers[0]?.received(bytes);
    return { ...scene, bench, calls: { connect: scene.connecting }, method: METHOD, deliver };
  }
  const { client, connection } = await bench.connect({ transport, ...options });
  const deliver = (bytes: Uint8Array): void => {
    receivers[0]?.received(bytes);
    receivers[0]?.drained();
    receivers[0]?.closed(new Error("once more"));
  };
  return { bench, client, connection, calls: {}, deliver };
}

/** Every one of them. */
export const states: readonly ConnectionState[] = [
  { name: "CONNECT is sent", enter: (options = {}) => connecting(options) },
  {
    name: "CONNECT is sent, with a method",
    enter: (options = {}) => connecting(options, new TestAuthenticator()),
  },
  {
    name: "a challenge is being answered",
    async enter(options = {}) {
      const answer = deferred<Uint8Array>();
      const scene = await connecting(options, new TestAuthenticator({ respond: () => answer.promise }));
      scene.connection.send(auth(0x18, "challenge"));
      await scene.bench.clock.settle();
      return scene;
    },
  },
  {
    name: "a challenge was answered",
    async enter(options = {}) {
      const scene = await connecting(options, new TestAuthenticator());
      scene.connection.send(auth(0x18, "challenge"));
      await expectAuth(scene.connection, 0x18, "re challenge");
      return scene;
    },
  },
  {
    name: "CONNACK is being verified",
    async enter(options = {}) {
      const verdict = deferred<void>();
      const scene = await connecting(options, new TestAuthenticator({ verify: () => verdict.promise }));
      scene.connection.send(connack());
      await scene.bench.clock.settle();
      return { ...scene, release: () => verdict.resolve() };
    },
  },
  {
    name: "CONNACK is being verified, and more is in its chunk",
    async enter(options = {}) {
      const verdict = deferred<void>();
      const scene = await connecting(options, new TestAuthenticator({ verify: () => verdict.promise }));
      return { ...scene, ahead: connack(), release: () => verdict.resolve() };
    },
  },
  {
    name: "CONNACK is being verified, and the link does not pause",
    async enter(options = {}) {
      const verdict = deferred<void>();
      const scene = await overRudeLink(options, new TestAuthenticator({ verify: () => verdict.promise }));
      scene.connection.send(connack());
      await scene.bench.clock.settle();
      return { ...scene, release: () => verdict.resolve() };
    },
  },
  {
    name: "CONNACK is being stored",
    async enter(options = {}) {
      const store = new ScriptedStore();
      const scene = await connecting({ store, ...options });
      scene.connection.send(GOOD);
      await scene.bench.clock.settle();
      const [meta = ""] = store.waiting;
      return { ...scene, release: () => store.free().done(meta) };
    },
  },
  { name: "connected", enter: (options = {}) => open(options) },
  asking(
    "PUBLISH of QoS 1 is sent",
    (client) => client.publish("t", "", { qos: 1 }),
    (connection) => connection.expect(Publish),
  ),
  asking(
    "PUBLISH of QoS 2 is sent",
    (client) => client.publish("t", "", { qos: 2 }),
    (connection) => connection.expect(Publish),
  ),
  asking(
    "PUBREL is sent",
    (client) => client.publish("t", "", { qos: 2 }),
    async (connection) => {
      const { packetId } = await connection.expect(Publish);
      connection.send(pubrec(packetId));
      return connection.expect(Pubrel);
    },
  ),
  asking(
    "SUBSCRIBE is sent",
    (client) => client.subscribe("a"),
    (connection) => connection.expect(Subscribe),
  ),
  {
    name: "UNSUBSCRIBE is sent",
    async enter(options = {}) {
      const scene = await open(options);
      const { bench, client, connection } = scene;
      const subscribing = client.subscribeQueue("a");
      await grant(connection);
      const queue = await bench.clock.run(subscribing);
      const call = follow(queue.unsubscribe());
      const { packetId } = await connection.expect(Unsubscribe);
      return { ...scene, calls: { call }, packetId };
    },
  },
  ...[1, 2].map(
    (qos): ConnectionState => ({
      name: `a message of QoS ${qos} is being handled`,
      async enter(options = {}) {
        const scene = await open(options);
        const { bench, client, connection } = scene;
        const subscribing = client.subscribeQueue("t", { qos: 2 });
        await grant(connection);
        await bench.clock.run(subscribing);
        connection.send(publish("t", "x", { qos: qos as 1 | 2, packetId: 1 }));
        await bench.clock.settle();
        return scene;
      },
    }),
  ),
  {
    name: "PUBREC is sent",
    async enter(options = {}) {
      const scene = await open(options);
      scene.connection.send(publish("t", "x", { qos: 2, packetId: 1 })); // nobody has subscribed to it
      await scene.connection.expect(Pubrec);
      return scene;
    },
  },
  {
    name: "PINGREQ is sent",
    async enter(options = {}) {
      const scene = await open({ keepAlive: 10, pingTimeout: 5000, ...options });
      await scene.connection.expect(Pingreq, { within: 10_001 });
      return scene;
    },
  },
  {
    name: "re-authenticating",
    enter: (options = {}) => reauthenticating(options, new TestAuthenticator()),
  },
  {
    name: "re-authenticating, and a challenge is being answered",
    async enter(options = {}) {
      const answer = deferred<Uint8Array>();
      const scene = await reauthenticating(options, new TestAuthenticator({ respond: () => answer.promise }));
      scene.connection.send(auth(0x18, "challenge"));
      await scene.bench.clock.settle();
      return scene;
    },
  },
  {
    name: "re-authenticating, and the broker's last word is being verified",
    async enter(options = {}) {
      const verdict = deferred<void>();
      const authenticator = new TestAuthenticator();
      const scene = await reauthenticating(options, authenticator);
      authenticator.behaviour = { verify: () => verdict.promise };
      scene.connection.send(auth(0x00));
      await scene.bench.clock.settle();
      return scene;
    },
  },
  {
    name: "reading is paused",
    async enter(options = {}) {
      const scene = await open(options);
      const { bench, client, connection } = scene;
      const subscribing = client.subscribeQueue("full", { overflow: "pause", bufferSize: 1 });
      await grant(connection);
      const queue = await bench.clock.run(subscribing);
      connection.send(publish("full", "1"));
      await bench.clock.settle();
      return { ...scene, release: () => void queue.tryDequeue() };
    },
  },
  {
    name: "DISCONNECT is sent",
    async enter(options = {}) {
      const scene = await open(options);
      scene.connection.link.pause(); // which does not close its half
      const call = follow(scene.client.disconnect());
      await scene.bench.clock.settle();
      return { ...scene, calls: { call } };
    },
  },
  {
    name: "DISCONNECT is sent after a violation",
    async enter(options = {}) {
      const scene = await open(options);
      scene.connection.link.pause();
      scene.connection.send(GOOD);
      await scene.bench.clock.settle();
      return scene;
    },
  },
  {
    name: "DISCONNECT was received",
    async enter(options = {}) {
      const scene = await open(options);
      scene.connection.link.pause();
      scene.connection.send({ type: PacketType.Disconnect, reasonCode: 0x8b });
      await scene.bench.clock.settle();
      return scene;
    },
  },
  {
    name: "the link is closed, and the next attempt is waited for",
    async enter(options = {}) {
      const scene = await overRudeLink(options);
      scene.connection.cut();
      await scene.bench.clock.settle();
      return scene;
    },
  },
  {
    name: "the next attempt is under way, and the old link still speaks",
    async enter(options = {}) {
      const scene = await overRudeLink(options);
      scene.connection.cut();
      await scene.bench.clock.advance(100);
      const next = await scene.bench.peer.accept();
      await next.expect(PacketType.Connect);
      return { ...scene, connection: next };
    },
  },
  {
    name: "connected again, and the old link still speaks",
    async enter(options = {}) {
      const scene = await overRudeLink(options);
      scene.connection.cut();
      const next = await scene.bench.peer.acceptResume();
      await scene.bench.clock.settle();
      return { ...scene, connection: next };
    },
  },
  {
    name: "closed by disconnect",
    async enter(options = {}) {
      const scene = await overRudeLink(options);
      await scene.bench.clock.run(scene.client.disconnect());
      return scene;
    },
  },
];
