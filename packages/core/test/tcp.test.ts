// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import { TestBroker } from "@mqttv5/testing";
import { listen, type Listener, type ListenOptions } from "@mqttv5/testing/node";
import { afterEach, describe, expect, it } from "vitest";
import { Client, type ClientOptions, constantBackoff } from "../src/index.js";
import { tcp } from "../src/tcp.js";
import { codeOf } from "./bench.js";

const tls = new URL("../../testing/test/tls/", import.meta.url);
const key = readFileSync(new URL("key.pem", tls));
const cert = readFileSync(new URL("cert.pem", tls));

/** What a test has opened, closed in turn when it is over. */
const open: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
});

async function serve(options: ListenOptions = {}): Promise<{ broker: TestBroker; listener: Listener }> {
  const broker = new TestBroker();
  const listener = await listen(broker, options);
  open.push(() => listener.close());
  return { broker, listener };
}

function clientOf(broker: string, options: Partial<ClientOptions> = {}): Client {
  const client = new Client({ broker, reconnectBackoff: constantBackoff(1), ...options });
  open.push(() => client[Symbol.asyncDispose]());
  return client;
}

/** A server that does what a test says with each socket. */
async function raw(serveSocket: (socket: Socket) => void, server: Server = createServer()): Promise<number> {
  const sockets: Socket[] = [];
  server.on("connection", (socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    serveSocket(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  open.push(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}

/** Messages at every QoS, small and large, out and back. */
async function talk(client: Client): Promise<string> {
  const info = await client.connect();
  expect(info.sessionPresent).toBe(false);
  const sub = await client.subscribeQueue("t/#", { qos: 2 });
  const large = new Uint8Array(3 * 1024 * 1024).map((_, n) => n % 251);
  const sent = [0, 1, 2].map((qos) => client.publish(`t/${qos}`, qos === 1 ? large : "hi", { qos: qos as 0 | 1 | 2 }));
  await Promise.all(sent);
  for (let n = 0; n < 3; n++) {
    const message = await sub.dequeue();
    message?.ack();
    if (message?.qos === 1) expect(Buffer.compare(message.payload, large)).toBe(0);
    else expect(message?.text()).toBe("hi");
  }
  await client.disconnect();
  return "done";
}

describe("over sockets", () => {
  it("TCP carries messages of every QoS and size", async () => {
    const { listener } = await serve();
    expect(await talk(clientOf(listener.url))).toBe("done");
  });

  it("TCP reaches a host by name, and by IPv6", async () => {
    const { listener } = await serve();
    await talk(clientOf(`tcp://localhost:${listener.port}`));
    const six = await serve({ host: "::1" }).catch(() => undefined);
    if (six === undefined) return; // a machine without IPv6
    expect(six.listener.url).toBe(`mqtt://[::1]:${six.listener.port}`);
    await talk(clientOf(six.listener.url));
  });

  it("TLS verifies the broker: a stranger's certificate is refused", async () => {
    const { listener } = await serve({ tls: { key, cert } });
    for (const scheme of ["mqtts", "tls", "ssl"]) {
      await talk(clientOf(`${scheme}://localhost:${listener.port}`, { tls: { ca: cert } }));
    }
    await expect(clientOf(`mqtts://localhost:${listener.port}`).connect()).rejects.toMatchObject({
      code: "CONNECT_FAILED",
    });
    await expect(
      clientOf(`mqtts://localhost:${listener.port}`, { tls: { ca: cert, servername: "other.example" } }).connect(),
    ).rejects.toMatchObject({ code: "CONNECT_FAILED" });
    await talk(clientOf(`mqtts://localhost:${listener.port}`, { tls: { rejectUnauthorized: false } }));
  });

  it("TLS asks for the host of the URL by name, or for another if told to; never for an address", async () => {
    const names: unknown[] = [];
    const SNICallback = (name: string, done: (error: Error | null) => void): void => {
      names.push(name);
      done(null);
    };
    const { listener } = await serve({ tls: { key, cert, SNICallback } });
    await clientOf(`mqtts://localhost:${listener.port}`, { tls: { ca: cert } }).connect();
    await clientOf(`mqtts://127.0.0.1:${listener.port}`, { tls: { ca: cert, rejectUnauthorized: false } }).connect();
    await clientOf(`mqtts://127.0.0.1:${listener.port}`, { tls: { ca: cert, servername: "localhost" } }).connect();
    expect(names).toEqual(["localhost", "localhost"]);
  });

  it.skipIf(process.platform === "win32")("Unix sockets carry messages too", async () => {
    const directory = mkdtempSync(join(tmpdir(), "mqttv5 "));
    open.push(async () => rmSync(directory, { recursive: true }));
    const { listener } = await serve({ path: join(directory, "b.sock") });
    await talk(clientOf(encodeURI(listener.url)));
    await expect(clientOf(encodeURI(`unix:${directory}/none.sock`)).connect()).rejects.toMatchObject({
      code: "CONNECT_FAILED",
      cause: { code: "ENOENT" },
    });
  });

  it("a port where nobody listens fails the connect with the reason", async () => {
    const { listener } = await serve();
    await listener.close();
    const error: unknown = await clientOf(listener.url)
      .connect()
      .then(
        () => undefined,
        (reason: unknown) => reason,
      );
    expect(error).toMatchObject({ code: "CONNECT_FAILED", cause: { code: "ECONNREFUSED" } });
    expect(String(error)).toContain(listener.url);
  });

  it("TLS to a broker without TLS fails, and plain to one with TLS too", async () => {
    const plain = await serve();
    const secure = await serve({ tls: { key, cert } });
    await expect(
      clientOf(`mqtts://localhost:${plain.listener.port}`, { tls: { ca: cert }, connectTimeout: 300 }).connect(),
    ).rejects.toMatchObject({ name: "MqttError" });
    await expect(
      clientOf(`mqtt://localhost:${secure.listener.port}`, { connectTimeout: 300 }).connect(),
    ).rejects.toMatchObject({ name: expect.stringMatching(/Error$/) });
  });

  it("an abort while dialling, in the TLS handshake and before CONNACK ends the attempt and closes the socket", async () => {
    for (const scheme of ["mqtt", "mqtts"]) {
      let closed: (() => void) | undefined;
      const gone = new Promise<void>((resolve) => {
        closed = resolve;
      });
      const controller = new AbortController();
      const port = await raw((socket) => {
        socket.once("data", () => controller.abort()); // CONNECT, or the TLS hello: no answer comes
        socket.on("close", () => closed?.());
      });
      const connecting = clientOf(`${scheme}://127.0.0.1:${port}`).connect({ signal: controller.signal });
      await expect(connecting).rejects.toMatchObject({ code: "ABORTED" });
      await gone;
    }
    const client = clientOf("mqtt://127.0.0.1:1");
    const controller = new AbortController();
    const connecting = client.connect({ signal: controller.signal });
    controller.abort();
    await expect(connecting).rejects.toMatchObject({ code: "ABORTED" });
    // The same at the seam: an aborted signal opens nothing.
    const transport = tcp({});
    const url = new URL("mqtt://127.0.0.1:1");
    await expect(transport.connect(url, { signal: AbortSignal.abort(new Error("no")) })).rejects.toThrow("no");
    await expect(
      transport.connect(new URL("mqtts://127.0.0.1:1"), { signal: AbortSignal.abort(new Error("no")) }),
    ).rejects.toThrow("no");
  });

  it("a connection that is reset is made again, and nothing of QoS 1 is lost", async () => {
    const { broker, listener } = await serve();
    const client = clientOf(listener.url, { clientId: "c" });
    await client.connect();
    const sub = await client.subscribeQueue("t", { qos: 1 });
    const sent: Promise<unknown>[] = [];
    for (let n = 0; n < 50; n++) {
      sent.push(
        client.publish("t", String(n), { qos: 1 }).catch(async (error: unknown) => {
          if (codeOf(error) !== "NOT_CONNECTED") throw error;
          await client.connected();
          return client.publish("t", String(n), { qos: 1 });
        }),
      );
      if (n % 10 === 5) broker.drop();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all(sent);
    const got = new Set<string>();
    while (got.size < 50) {
      const message = await sub.dequeue();
      message?.ack();
      got.add(message?.text() ?? "");
    }
    expect(client.stats().connects).toBeGreaterThan(1);
    await client.disconnect();
  });

  it("a broker that closes in the handshake, or says nonsense, fails the connect", async () => {
    const ends: ((socket: Socket) => void)[] = [
      (socket) => void socket.end(),
      (socket) => void socket.resetAndDestroy(),
      (socket) => void socket.end(`HTTP/1.1 400 Bad Request\r\nServer: ${"x".repeat(100)}\r\n\r\n`),
      (socket) => void socket.once("data", () => socket.end(Uint8Array.of(0x20, 0x03, 0x00, 0x86, 0x00))),
    ];
    const codes: (string | undefined)[] = [];
    for (const end of ends) {
      const port = await raw(end);
      codes.push(
        await clientOf(`mqtt://127.0.0.1:${port}`)
          .connect()
          .then(() => "connected", codeOf),
      );
    }
    expect(codes.map((code) => (code === "CONNECT_FAILED" ? "CONNECTION_LOST" : code))).toEqual([
      "CONNECTION_LOST",
      "CONNECTION_LOST",
      "PROTOCOL_ERROR",
      "CONNECT_REFUSED",
    ]);
  });

  it("a TLS broker that dies in the handshake fails the connect", async () => {
    const server = createTlsServer({ key, cert });
    server.on("tlsClientError", () => {});
    const port = await raw((socket) => void socket.destroy(), server);
    await expect(clientOf(`mqtts://localhost:${port}`, { tls: { ca: cert } }).connect()).rejects.toMatchObject({
      code: "CONNECT_FAILED",
    });
  });

  it("a peer that stops reading makes publish wait, and disconnect is bounded all the same", async () => {
    const port = await raw((socket) => {
      socket.once("data", () => {
        socket.write(Uint8Array.of(0x20, 0x03, 0x00, 0x00, 0x00));
        socket.pause();
      });
    });
    const client = clientOf(`mqtt://127.0.0.1:${port}`, { clientId: "c", disconnectTimeout: 50 });
    await client.connect();
    let settled = 0;
    const sent = Array.from({ length: 64 }, () =>
      client.publish("t", new Uint8Array(1 << 20)).then(
        () => settled++,
        () => settled++,
      ),
    );
    await new Promise((resolve) => setImmediate(resolve));
    expect(settled).toBeLessThan(64);
    await client.disconnect();
    await Promise.all(sent);
    expect(settled).toBe(64);
  });

  it("leaves no socket behind", async () => {
    const { listener } = await serve();
    const handles = (): number =>
      process.getActiveResourcesInfo().filter((name) => /TCPSocketWrap|TLSWrap|PipeWrap/.test(name)).length;
    const before = handles();
    for (let n = 0; n < 5; n++) {
      const client = new Client({ broker: listener.url, sessionExpiryInterval: 0 });
      await client.connect();
      await client.publish("t", "x", { qos: 2 });
      await client[Symbol.asyncDispose]();
    }
    while (handles() > before) await new Promise((resolve) => setImmediate(resolve));
    expect(handles()).toBeLessThanOrEqual(before);
  });
});

describe("received bytes", () => {
  it("are a message's own, whatever its socket and others receive after it", async () => {
    const { listener } = await serve();
    const broker = `mqtt://127.0.0.1:${listener.port}`;
    const clients = [clientOf(broker), clientOf(broker)];
    for (const client of clients) await client.connect();
    const queues = await Promise.all(clients.map((client, n) => client.subscribeQueue(`own/${n}`, { qos: 1 })));
    const bytes = (n: number): Uint8Array => new Uint8Array(n * 37).fill(n);
    for (let n = 1; n <= 200; n++) {
      await Promise.all(
        clients.map((client, at) =>
          client.publish(`own/${at}`, bytes(n), { qos: 1, userProperties: [["number", String(n)]] }),
        ),
      );
    }
    for (const queue of queues) {
      for (let n = 1; n <= 200; n++) {
        const message = await queue.dequeue();
        expect(message?.payload).toEqual(bytes(n));
        expect(message?.properties.userProperties).toEqual([["number", String(n)]]);
      }
    }
  });
});
