// SPDX-License-Identifier: Apache-2.0
import { Client, InvalidArgumentError, type MqttError } from "@mqttv5/core";
import { TestBroker, VirtualClock } from "@mqttv5/testing";
import { listen } from "@mqttv5/testing/ws";
import { describe, expect, it } from "vitest";
import { ws as node, WsError } from "../src/index.js";
import { webTransport } from "../src/web-transport.js";
import { certificate } from "./certificate.js";
import { freePort } from "./hostile-server.js";
import { connect, platforms, rejection, serve } from "./stage.js";

const never = new AbortController().signal;
const tlsOfServer = { cert: certificate.cert, key: certificate.key };

describe.each(platforms)("the handshake %s", (_, ws) => {
  it.each([
    ["no subprotocol", ""],
    ["one that nobody asked for", "mqttv3.1"],
  ])("fails when the broker chooses %s [MQTT-6.0.0-4]", async (_, chosen) => {
    const server = await serve((connection) => connection.accept(chosen));
    const error = await rejection(ws().connect(server.url, { signal: never }));
    expect(error).toBeInstanceOf(WsError);
    if (ws === node) expect(error).toMatchObject({ code: "WRONG_SUBPROTOCOL", field: "subprotocol", value: chosen });
    else expect((error as WsError).message).toMatch(/subprotocol/);
  });

  it.each(["200 OK", "401 Unauthorized", "403 Forbidden", "404 Not Found", "429 Slow Down", "503 Unavailable"])(
    "fails when the answer is %s",
    async (status) => {
      const server = await serve((connection) => connection.answer(status));
      const error = await rejection(ws().connect(server.url, { signal: never }));
      expect(error).toBeInstanceOf(WsError);
      const code = Number.parseInt(status, 10);
      if (ws === node) expect(error).toMatchObject({ code: "HANDSHAKE_FAILED", field: "status", value: code });
      expect((error as WsError).message).toContain(String(code));
    },
  );

  it("follows no redirect, wherever it leads", async () => {
    const elsewhere = await serve((connection) => connection.accept());
    for (const status of ["301 Moved", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"]) {
      const server = await serve((connection) => connection.answer(status, `Location: ${elsewhere.url.href}`));
      const error = await rejection(ws().connect(server.url, { signal: never }));
      expect(error).toBeInstanceOf(WsError);
      if (ws === node) expect(error).toMatchObject({ code: "HANDSHAKE_FAILED", reason: elsewhere.url.href });
    }
    expect(elsewhere.connections).toEqual([]);
  });

  it("fails when the answer has the wrong key, is no HTTP, or ends early", async () => {
    const key =
      "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Accept: AAAA";
    for (const answer of [
      `HTTP/1.1 101 Go on\r\n${key}\r\n\r\n`,
      " \u0004nothing like it\r\n\r\n",
      "HTTP/1.1 101 Go",
    ]) {
      const server = await serve(({ socket }) => socket.end(answer));
      expect(await rejection(ws().connect(server.url, { signal: never }))).toBeInstanceOf(Error);
    }
  });

  it("fails with HANDSHAKE_TIMEOUT when the broker never answers, and leaves nothing behind", async () => {
    const clock = new VirtualClock();
    let ended: Promise<void> | undefined;
    const arrived = new Promise<void>((resolve) => {
      void serve(({ socket }) => {
        ended = new Promise((over) => socket.once("close", over));
        resolve();
      }).then((server) => {
        const transport = ws({ clock, handshakeTimeout: 700 });
        void rejection(transport.connect(server.url, { signal: never })).then(settle);
      });
    });
    let settle!: (error: unknown) => void;
    const settled = new Promise((resolve) => (settle = resolve));
    await arrived;
    await clock.advance(699);
    expect(clock.pending).toBe(1);
    await clock.advance(1);
    expect(await settled).toMatchObject({ code: "HANDSHAKE_TIMEOUT", field: "handshakeTimeout", value: 700 });
    await ended;
    expect(clock.pending).toBe(0);
  });

  it("is bounded by the client's connectTimeout, as is every transport of one's own [parity 190]", async () => {
    const clock = new VirtualClock();
    const stalled: Promise<void>[] = [];
    const server = await serve(({ socket }) => {
      stalled.push(new Promise((over) => socket.once("close", () => over())));
      wake();
    });
    let wake!: () => void;
    const arrived = new Promise<void>((resolve) => (wake = resolve));
    const client = new Client({ broker: server.url.href, transport: ws(), clock, connectTimeout: 3000 });
    const ending = rejection(client.connect());
    await clock.settle();
    await arrived;
    await clock.advance(2999);
    expect(client.state.status).toBe("connecting");
    await clock.advance(1);
    expect(await ending).toMatchObject({ code: "CONNECT_TIMEOUT" });
    await Promise.all(stalled);
    const deaf = { connect: () => new Promise<never>(() => {}) };
    const other = new Client({ broker: "any://where", transport: deaf, clock, connectTimeout: 3000 });
    await expect(clock.run(other.connect(), 3000)).rejects.toMatchObject({ code: "CONNECT_TIMEOUT" });
  });

  it("ends at once when it is aborted, before and while it waits for request()", async () => {
    const server = await serve(() => {});
    const controller = new AbortController();
    const asked: AbortSignal[] = [];
    const transport = ws({
      request: (_, signal) => {
        asked.push(signal);
        return new Promise(() => {});
      },
    });
    const ending = rejection(transport.connect(server.url, { signal: controller.signal }));
    controller.abort(new Error("enough"));
    expect(await ending).toBe(controller.signal.reason);
    expect(asked).toEqual([controller.signal]);
    expect(await rejection(transport.connect(server.url, { signal: controller.signal }))).toBe(
      controller.signal.reason,
    );
    expect(asked.length).toBe(1);
  });

  it("is over when it has opened: an abort after it ends no link", async () => {
    const server = await serve((connection) => connection.accept());
    const controller = new AbortController();
    const client = await connect(ws(), server.url, controller.signal);
    controller.abort();
    server.connections[0]?.frame(0x82, "still here");
    expect((await client.bytes(10)).toString()).toBe("still here");
    client.link.destroy();
    await client.closed;
  });

  it("goes where request() says, anew for each attempt", async () => {
    const server = await serve((connection) => connection.accept());
    let token = 0;
    const transport = ws({
      request: async (broker) => {
        const url = new URL(broker);
        url.searchParams.set("token", String(++token));
        return { url };
      },
    });
    for (let times = 0; times < 2; times++) (await connect(transport, server.url)).link.destroy();
    expect(server.connections.map(({ request }) => request[0])).toEqual([
      "GET /mqtt?token=1 HTTP/1.1",
      "GET /mqtt?token=2 HTTP/1.1",
    ]);
  });

  it("fails with what request() failed with", async () => {
    const transport = ws({ request: () => Promise.reject(new Error("no token today")) });
    const client = new Client({ broker: "ws://127.0.0.1:1/", transport });
    const error = (await rejection(client.connect())) as MqttError;
    expect(error).toMatchObject({ code: "CONNECT_FAILED", cause: { message: "no token today" } });
  });

  it("never gives up TLS, nor takes a URL that is none", async () => {
    const answers: unknown[] = ["ws://host/", "mqtt://host", "nonsense", "wss://host/#fragment", 7];
    for (const url of answers) {
      const transport = ws({ request: () => ({ url: url as string }) });
      const error = await rejection(transport.connect(new URL("wss://user.example/secret"), { signal: never }));
      expect(error).toBeInstanceOf(InvalidArgumentError);
      expect(error).toMatchObject({ field: "request.url" });
    }
    const error = await rejection(ws().connect(new URL("mqtt://host"), { signal: never }));
    expect(error).toMatchObject({ code: "INVALID_BROKER_URL", field: "broker" });
  });

  it("refuses options that make no sense, and names them", () => {
    const wrong: readonly [string, object][] = [
      ["options", null as never],
      ["request", { request: "url" }],
      ["headers", { headers: "a: b" }],
      ["headers.a", { headers: { a: 1 } }],
      ["tls", { tls: true }],
      ["agent", { agent: {} }],
      ["handshakeTimeout", { handshakeTimeout: 0 }],
      ["handshakeTimeout", { handshakeTimeout: Infinity }],
      ["maximumFrameSize", { maximumFrameSize: 0 }],
      ["maximumFrameSize", { maximumFrameSize: 2 ** 31 }],
      ["maximumFrameSize", { maximumFrameSize: 1.5 }],
      ["clock", { clock: 1 }],
    ];
    for (const [field, options] of wrong) {
      expect(() => ws(options)).toThrow(expect.objectContaining({ code: "INVALID_FIELD", field }));
    }
  });

  it("rejects where nobody listens", async () => {
    const url = new URL(`ws://127.0.0.1:${await freePort()}/`);
    const error = (await rejection(ws().connect(url, { signal: never }))) as Error & { code?: string };
    expect(error).toBeInstanceOf(Error);
    expect(error.code).toBe(ws === node ? "ECONNREFUSED" : "CONNECT_FAILED");
  });
});

describe("the handshake for Node", () => {
  it("sends the headers of the options, of credentials and of request(), the last of which wins", async () => {
    const server = await serve((connection) => connection.accept());
    const transport = node({
      headers: { "X-One": "options", "X-Two": "options", "X-Three": "options" },
      request: () => Promise.resolve({ headers: { "X-Three": "request" } }),
    });
    const headers = { "X-Two": "credentials", "X-Three": "credentials" };
    (await transport.connect(server.url, { signal: never, headers })).destroy();
    const names = ["X-One", "X-Two", "X-Three"];
    expect(names.map((name) => server.connections[0]?.header(name))).toEqual(["options", "credentials", "request"]);
  });

  it("takes the headers of a client's credentials, anew for each attempt", async () => {
    const seen: (string | undefined)[] = [];
    const server = await serve((connection) => {
      seen.push(connection.header("Authorization"));
      connection.answer("401 Unauthorized");
    });
    const client = new Client({
      broker: server.url.href,
      transport: node(),
      credentials: (attempt) => ({ headers: { Authorization: `Bearer ${attempt}` } }),
    });
    expect(await rejection(client.connect())).toMatchObject({ code: "CONNECT_FAILED", cause: { value: 401 } });
    expect(seen).toEqual(["Bearer 1"]);
  });

  it("fails when a header can't be sent", async () => {
    const server = await serve((connection) => connection.accept());
    const transport = node({ headers: { "X-One": "a\r\nX-Two: b" } });
    expect(await rejection(transport.connect(server.url, { signal: never }))).toMatchObject({
      code: "ERR_INVALID_CHAR",
    });
    expect(server.connections).toEqual([]);
  });

  it("trusts no certificate that does not verify, and those it is told to", async () => {
    const broker = new TestBroker();
    await using listener = await listen(broker, { tls: tlsOfServer });
    const url = new URL(listener.url);
    expect(await rejection(node().connect(url, { signal: never }))).toMatchObject({
      code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    });
    const named = { ca: certificate.ca, servername: "another.example" };
    expect(await rejection(node({ tls: named }).connect(url, { signal: never }))).toMatchObject({
      code: "ERR_TLS_CERT_ALTNAME_INVALID",
    });
    for (const tls of [{ ca: certificate.ca }, { rejectUnauthorized: false }]) {
      const client = new Client({ broker: listener.url, transport: node({ tls }) });
      await client.connect();
      await client.disconnect();
    }
    await broker.close();
  });

  it("speaks TLS to wss and nothing else: to a plain listener it fails", async () => {
    await using listener = await listen(new TestBroker());
    const url = new URL(listener.url.replace("ws:", "wss:"));
    expect(
      await rejection(node({ tls: { rejectUnauthorized: false } }).connect(url, { signal: never })),
    ).toBeInstanceOf(Error);
  });
});

describe("the handshake for other platforms", () => {
  const web = (options = {}): ReturnType<typeof webTransport> => webTransport(options, () => undefined);

  it("refuses headers, tls and agent, which no platform's WebSocket takes, instead of leaving them out", async () => {
    expect(() => web({ headers: { Authorization: "x" } })).toThrow(expect.objectContaining({ field: "headers" }));
    expect(() => web({ tls: {} })).toThrow(expect.objectContaining({ field: "tls" }));
    expect(() => web({ agent: { destroy() {} } })).toThrow(expect.objectContaining({ field: "agent" }));
    const headers = { Authorization: "Bearer secret" };
    const error = await rejection(web().connect(new URL("ws://host"), { signal: never, headers }));
    expect(error).toMatchObject({ code: "INVALID_FIELD", field: "headers", value: "Authorization" });
    expect((error as Error).message).not.toContain("secret");
  });

  it("fails where the platform has no WebSocket", async () => {
    expect(await rejection(web().connect(new URL("ws://host"), { signal: never }))).toMatchObject({
      code: "CONNECT_FAILED",
    });
  });
});
