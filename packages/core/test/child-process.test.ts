// SPDX-License-Identifier: Apache-2.0
// A program that handles only the promises of its own calls (decision 5), as a process of its own with the sources of the moment.
// A rejection that nobody handles would end it with code 1, and a timer or socket left behind would keep it from ending.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Packet, PacketType, ReasonCode } from "@mqttv5/wire";
import {
  type AuthenticationContext,
  type AuthenticationRounds,
  type ScriptedConnection,
  ScriptedPeer,
  systemClock,
  TestBroker,
} from "@mqttv5/testing";
import { listen } from "@mqttv5/testing/node";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { grant, puback, pubcomp, publish, pubrec, suback } from "./bench.js";

const { Connack, Connect, Disconnect, Pingreq, Puback, Publish, Pubrel, Subscribe, Unsubscribe } = PacketType;

const directory = mkdtempSync(join(tmpdir(), "mqttv5-child-"));
const program = join(directory, "child-process.mjs");

beforeAll(async () => {
  await build({
    entryPoints: [fileURLToPath(new URL("child-process.mjs", import.meta.url))],
    outfile: program,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    conditions: ["@mqttv5/source"],
  });
});

afterAll(() => rmSync(directory, { recursive: true }));

/** Milliseconds after which a child is ended, which fails its test. Far below the timers in it. */
const LIMIT = 60_000;

interface Ended {
  readonly code: number | null;
  readonly errors: string;
  /** What the child's calls came to. */
  readonly result: unknown;
}

/** What a test does as the other side, with the means to let the child go on. */
interface Scene {
  readonly peer: ScriptedPeer;
  /** Lets the child go on from where it waits for this. */
  tell(): void;
}

/** Runs a program of the child's to its end, against a script, or a broker of its own. */
async function run(
  name: string,
  script: (scene: Scene) => Promise<unknown>,
  scheme = "mqtt",
  broker?: TestBroker,
): Promise<Ended> {
  const peer = new ScriptedPeer({ clock: systemClock, timeout: LIMIT });
  const listener = await listen(broker ?? { accept: (link) => peer.attach(link) });
  if (script === nobody) await listener.close();
  const inherited = Object.entries(process.env).filter(([key]) => !/^(NODE_|NO_COLOR$|FORCE_COLOR$)/.test(key));
  const child = spawn(process.execPath, [program, name, listener.url.replace("mqtt", scheme)], {
    env: Object.fromEntries(inherited),
    stdio: "pipe",
    timeout: LIMIT,
    killSignal: "SIGKILL",
  });
  let output = "";
  let errors = "";
  child.stdout.on("data", (chunk) => {
    output += String(chunk);
  });
  child.stderr.on("data", (chunk) => {
    errors += String(chunk);
  });
  child.stdin.on("error", () => {}); // it ended without listening
  const ended = once(child, "close") as Promise<[number | null]>;
  try {
    // A child that ends before its time leaves the script waiting: then its end is what there is to show.
    await Promise.race([script({ peer, tell: () => child.stdin.end("go\n") }), ended]);
    const [code] = await ended;
    return { code, errors, result: output === "" ? undefined : JSON.parse(output) };
  } finally {
    child.kill("SIGKILL");
    await listener.close();
  }
}

/** The script of a port on which nothing listens. */
function nobody(): Promise<void> {
  return Promise.resolve();
}

function expectClean(ended: Ended, result: unknown): void {
  expect(ended).toEqual({ code: 0, errors: "", result });
}

/** CONNECT and the two subscriptions of the child's, and both its publishes, not yet answered. */
async function upToPublish({ peer }: Scene): Promise<{ connection: ScriptedConnection; one: number; two: number }> {
  const connection = await peer.acceptConnect();
  await grant(connection);
  await grant(connection);
  const { packetId: one } = await connection.expect({ type: Publish, qos: 1 });
  const { packetId: two } = await connection.expect({ type: Publish, qos: 2 });
  return { connection, one, two };
}

/** Takes both publishes to their end, and the goodbye. */
async function finish(connection: ScriptedConnection): Promise<void> {
  const { packetId: one } = await connection.expect({ type: Publish, qos: 1 });
  const { packetId: two } = await connection.expect({ type: Publish, qos: 2 });
  connection.send(puback(one), pubrec(two));
  await connection.expect({ type: Pubrel, packetId: two });
  connection.send(pubcomp(two));
  await goodbye(connection);
}

async function goodbye(connection: ScriptedConnection): Promise<void> {
  while ((await connection.next()).type !== Disconnect); // what was asked before it
  await connection.expectClosed();
}

/** CONNECT came, and nothing is said. */
async function unanswered({ peer, tell }: Scene): Promise<void> {
  const connection = await peer.accept();
  await connection.expect(Connect);
  tell();
}

/** What no broker may send. */
const WRONG: Packet = { type: PacketType.Pingreq };

/** CONNECT, and then whatever ends the attempt. */
const answering =
  (answer: (connection: ScriptedConnection) => void) =>
  async ({ peer }: Scene): Promise<void> => {
    const connection = await peer.accept();
    await connection.expect(Connect);
    answer(connection);
  };

const busy = answering((connection) => connection.send({ type: Connack, sessionPresent: false, reasonCode: 0x88 }));
const gone: unknown = expect.stringMatching(/^CONNECT(ION_LOST|_FAILED)$/);

/** Believes everybody at once, and asks who authenticates again a question. */
function* token(_data: Uint8Array | undefined, { reauthentication }: AuthenticationContext): AuthenticationRounds {
  if (reauthentication) yield new Uint8Array(1);
}

describe("a program without a listener [decision 5]", () => {
  describe("ends by itself when its connect fails:", () => {
    const cases: [string, (scene: Scene) => Promise<void>, unknown][] = [
      ["nobody listens on the port", nobody, "CONNECT_FAILED"],
      ["cut before CONNECT was read", async ({ peer }) => (await peer.accept()).cut(), gone],
      ["cut before CONNACK", answering((connection) => connection.cut()), gone],
      [
        "cut within CONNACK",
        answering((connection) => {
          connection.sendRaw(0x20, 0x03, 0x00);
          connection.end();
        }),
        gone,
      ],
      [
        "CONNACK refuses",
        answering((connection) => connection.send({ type: Connack, sessionPresent: false, reasonCode: 0x87 })),
        "CONNECT_REFUSED refused",
      ],
      [
        "the port speaks HTTP",
        answering((connection) => {
          connection.send(new TextEncoder().encode(`HTTP/1.1 400 Bad Request\r\n${"x".repeat(200)}\r\n\r\n`));
          connection.end();
        }),
        "PROTOCOL_ERROR",
      ],
      [
        "a session after Clean Start",
        answering((connection) => connection.send({ type: Connack, sessionPresent: true, reasonCode: 0 })),
        "PROTOCOL_ERROR",
      ],
      [
        "DISCONNECT before CONNACK",
        answering((connection) => connection.send({ type: Disconnect, reasonCode: ReasonCode.ServerShuttingDown })),
        "SERVER_DISCONNECTED",
      ],
    ];
    for (const [title, script, code] of cases) {
      it(title, async () => expectClean(await run("connect", script), { connect: code }));
    }

    it("and it was told to go on trying, until disconnect", async () => {
      for (const script of [nobody, busy]) {
        expectClean(await run("retry", script), { connect: "CLOSED", connected: "CLOSED" });
      }
    });

    it("because it aborts, in the TLS handshake or before CONNACK", async () => {
      const aborted = { connect: "ABORTED", connected: "CLOSED" };
      const silent = async ({ peer, tell }: Scene): Promise<void> => {
        await peer.accept();
        tell();
      };
      expectClean(await run("abortConnect", silent, "mqtts"), aborted);
      expectClean(await run("abortConnect", unanswered), aborted);
    });
  });

  describe("loses nothing and ends by itself when, with QoS 1 and 2 in flight,", () => {
    const resumed = { publish: ["done", "done"], loop: "done" };
    const faults: [string, (connection: ScriptedConnection) => void][] = [
      ["the line is cut", (connection) => connection.cut()],
      ["malformed bytes come", (connection) => connection.sendRaw(0x00, 0x00)],
      ["a packet beyond the limit comes", (connection) => connection.sendRaw(0x30, 0xff, 0xff, 0xff, 0x7f)],
      ["a SUBACK of nothing and a wrong packet come", (connection) => connection.send(suback(99, 0), WRONG)],
      ["the broker says DISCONNECT", (connection) => connection.send({ type: Disconnect, reasonCode: 0x8b })],
    ];
    for (const [title, fault] of faults) {
      it(title, async () => {
        const ended = await run("talk", async (scene) => {
          const { connection } = await upToPublish(scene);
          fault(connection);
          await finish(await scene.peer.acceptResume());
        });
        expectClean(ended, resumed);
      });
    }

    it("the line is cut after PUBREC, twice", async () => {
      const ended = await run("talk", async (scene) => {
        const { connection, one, two } = await upToPublish(scene);
        connection.send(pubrec(two));
        await connection.expect(Pubrel);
        connection.cut();
        const second = await scene.peer.acceptResume();
        await second.expect({ type: Pubrel, packetId: two });
        second.cut();
        const third = await scene.peer.acceptResume();
        await third.expect({ type: Pubrel, packetId: two });
        await third.expect({ type: Publish, packetId: one });
        third.send(pubcomp(two), puback(one));
        await goodbye(third);
      });
      expectClean(ended, resumed);
    });

    it("the session is lost, and the subscriptions are granted again or refused", async () => {
      for (const code of [0, 0x87]) {
        const ended = await run("talk", async (scene) => {
          const { connection } = await upToPublish(scene);
          connection.cut();
          const next = await scene.peer.acceptConnect();
          await grant(next, code);
          await grant(next, code);
          await finish(next);
        });
        expectClean(ended, { ...resumed, loop: code === 0 ? "done" : "SUBSCRIBE_REFUSED refused" });
      }
    });
  });

  it("ends by itself when it gives up on a broker that stays away: every call says what is known", async () => {
    const ended = await run("giveUp", async (scene) => (await upToPublish(scene)).connection.cut());
    expectClean(ended, {
      publish: ["CLOSED unknown", "CLOSED unknown"],
      loop: "done",
      dequeue: "done",
      later: "NOT_CONNECTED not-sent",
      waiting: "CLOSED not-sent",
    });
  });

  it("ends by itself when its subscriptions are refused", async () => {
    const refused = "SUBSCRIBE_REFUSED refused";
    const refusing = async ({ peer }: Scene): Promise<void> => {
      const connection = await peer.acceptConnect();
      await grant(connection, 0x87);
      await grant(connection, 0x80, 0x87);
      await goodbye(connection);
    };
    expectClean(await run("refused", refusing), { subscribe: refused, early: refused });
    const refusingEarly = async ({ peer }: Scene): Promise<void> => {
      const connection = await peer.acceptConnect();
      await grant(connection, 0x87);
      await grant(connection, 0x87);
      await goodbye(connection);
    };
    expectClean(await run("refusedEarly", refusingEarly), { loop: refused });
  });

  it("ends by itself when it aborts all that waits", async () => {
    const ended = await run("abort", async ({ peer, tell }) => {
      const connection = await peer.acceptConnect();
      await grant(connection);
      await grant(connection);
      for (const type of [Publish, Publish, Subscribe, Unsubscribe]) await connection.expect(type);
      tell();
      await goodbye(connection);
    });
    expectClean(ended, {
      publish: ["ABORTED unknown", "ABORTED unknown"],
      subscribe: "ABORTED unknown",
      dequeue: "ABORTED",
      unsubscribe: "ABORTED unknown",
    });
  });

  describe("meets these faults and ends by itself:", () => {
    it("fault A: Receive Maximum 1 and no ack at all", async () => {
      const ended = await run("quota", async ({ peer, tell }) => {
        const connection = await peer.acceptConnect({ connack: { properties: { receiveMaximum: 1 } } });
        await connection.expect({ type: Publish, qos: 1 });
        tell();
        await goodbye(connection);
      });
      expectClean(ended, ["CLOSED unknown", "CLOSED not-sent", "CLOSED not-sent"]);
    });

    it("faults E and F: a broker that takes next to nothing", async () => {
      const properties = {
        maximumPacketSize: 50,
        maximumQoS: 0,
        retainAvailable: false,
        wildcardSubscriptionAvailable: false,
      } as const;
      const ended = await run("limits", async ({ peer }) =>
        goodbye(await peer.acceptConnect({ connack: { properties } })),
      );
      expectClean(ended, [
        "PACKET_TOO_LARGE not-sent",
        "QOS_NOT_SUPPORTED not-sent",
        "RETAIN_NOT_SUPPORTED not-sent",
        "WILDCARD_SUBS_UNSUPPORTED not-sent",
      ]);
    });

    it("faults I and P: an assigned identifier, and a broker that accepts and drops", async () => {
      const ended = await run("dropped", async ({ peer }) => {
        const properties = { assignedClientIdentifier: "given" };
        for (let round = 0; round < 4; round++) {
          const connection = await peer.acceptConnect({ connack: { sessionPresent: round > 0, properties } });
          connection.cut();
        }
        await goodbye(await peer.acceptResume());
      });
      expectClean(ended, { clientId: "given", publish: "NOT_CONNECTED not-sent" });
    });

    it("faults H and T: a cut while a handler runs, and a handler that throws", async () => {
      const ended = await run("handled", async ({ peer }) => {
        const connection = await peer.acceptConnect();
        await grant(connection);
        const message = publish("t", "x", { qos: 1, packetId: 5 });
        connection.send(message);
        await connection.delivered();
        connection.end();
        const next = await peer.acceptResume();
        next.send({ ...message, duplicate: true });
        await next.expect({ type: Puback, packetId: 5 });
        next.end();
      });
      expectClean(ended, { subscribed: "done", calls: 1 });
    });

    it("fault S: QoS 2 past PUBREC, and the session is lost", async () => {
      const ended = await run("talk", async (scene) => {
        const { connection, two } = await upToPublish(scene);
        connection.send(pubrec(two));
        await connection.expect(Pubrel);
        connection.cut();
        const next = await scene.peer.acceptConnect();
        await grant(next);
        await grant(next);
        await finish(next);
      });
      expectClean(ended, { publish: ["done", "done"], loop: "done" });
    });

    it("a broker that answers no PINGREQ", async () => {
      const ended = await run("silence", async ({ peer }) => {
        const patient = { serverKeepAlive: 0 }; // however slow this machine is
        const first = await peer.acceptConnect({ connack: { properties: patient } });
        await grant(first);
        for (const type of [Publish, Publish]) await first.expect(type);
        first.cut();
        const silent = await peer.acceptResume();
        for (const type of [Publish, Publish, Pingreq]) await silent.expect(type);
        await finish(await peer.acceptConnect({ connack: { sessionPresent: true, properties: patient } }));
      });
      expectClean(ended, { publish: ["done", "done"], loop: "done", pingTimeouts: 1 });
    });
  });

  it("has no active handle after disconnect or dispose in any state", async () => {
    const broker = new TestBroker({
      authenticationMethods: { TOKEN: token },
      // A broker that never answers
      authorizePublish: ({ topic }) => (topic === "unanswered" ? new Promise(() => {}) : undefined),
    });
    const ended = await run("endings", () => new Promise(() => {}), "mqtt", broker);
    const connecting = "connecting > CLOSED > CLOSED > closed";
    const reauthenticating = "connected > CLOSED unknown > closed";
    const expected: Record<string, string> = {
      "asking for credentials": connecting,
      dialling: connecting,
      "beginning an authentication": connecting,
      "verifying CONNACK": connecting,
      "loading its store": "idle > CLOSED > CLOSED > closed",
      "waiting for the next attempt": "waiting > CLOSED > CLOSED > closed",
      connected: "connected > closed",
      "re-authenticating": reauthenticating,
      "answering a challenge of a re-authentication": reauthenticating,
      "not reading": "connected > done > closed",
      "a handler never returns": "connected > done > closed",
      "waiting for answers": "connected > CLOSED unknown > CLOSED unknown > CLOSED not-sent > closed",
      "with a pool": "connected > closed",
    };
    const both = ["disconnect", "dispose"].flatMap((how) =>
      Object.entries(expected).map(([name, outcome]) => [`${name}, ${how}`, outcome] as const),
    );
    expectClean(ended, Object.fromEntries(both));
    await broker.close();
  });

  describe("has no active handle after disconnect", () => {
    const closed = { state: "closed" };

    it("while idle", async () => expectClean(await run("idle", nobody), { state: "idle" }));

    it("in the same turn as connect", async () => {
      expectClean(await run("atOnce", nobody), { ...closed, connect: "CLOSED" });
    });

    it("while dialling", async () => {
      const silent = async ({ peer, tell }: Scene): Promise<void> => {
        const connection = await peer.accept();
        tell();
        connection.discard();
      };
      expectClean(await run("connecting", silent, "mqtts"), { ...closed, before: "connecting", connect: "CLOSED" });
    });

    it("while it waits for CONNACK", async () => {
      expectClean(await run("connecting", unanswered), { ...closed, before: "connecting", connect: "CLOSED" });
    });

    it("while connected", async () => {
      const script = async ({ peer }: Scene): Promise<void> => goodbye(await peer.acceptConnect());
      expectClean(await run("connected", script), closed);
    });

    it("while connected to a peer that neither reads nor closes", async () => {
      const script = async ({ peer }: Scene): Promise<void> => (await peer.acceptConnect()).link.pause();
      expectClean(await run("connected", script), closed);
    });

    it("while calls are under way, by dispose", async () => {
      const ended = await run("disposed", async ({ peer, tell }) => {
        const connection = await peer.acceptConnect();
        for (const type of [Publish, Publish, Subscribe]) await connection.expect(type);
        tell();
        await goodbye(connection);
      });
      expectClean(ended, {
        ...closed,
        publish: ["CLOSED unknown", "CLOSED unknown"],
        subscribe: "CLOSED unknown",
      });
    });

    it("while it waits for the next attempt", async () => {
      const script = async ({ peer }: Scene): Promise<void> => (await peer.acceptConnect()).cut();
      expectClean(await run("waiting", script), closed);
    });

    it("while it is closing", async () => {
      const script = async ({ peer }: Scene): Promise<void> => (await peer.acceptConnect()).link.pause();
      expectClean(await run("closing", script), { ...closed, first: "done", second: "done", disposed: "done" });
    });
  });
});
