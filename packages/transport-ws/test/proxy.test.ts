// SPDX-License-Identifier: Apache-2.0
import { createServer } from "node:http";
import { type AddressInfo, connect as dial, createServer as createTcpServer, type Server, type Socket } from "node:net";
import { once } from "node:events";
import { Client } from "@mqttv5/core";
import { TestBroker } from "@mqttv5/testing";
import { listen } from "@mqttv5/testing/ws";
import { HttpsProxyAgent } from "https-proxy-agent";
import { SocksProxyAgent } from "socks-proxy-agent";
import { afterEach, describe, expect, it } from "vitest";
import { ws } from "../src/index.js";
import { certificate } from "./certificate.js";

const running: Server[] = [];
const sockets = new Set<Socket>();

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  for (const server of running.splice(0)) {
    server.close();
    await once(server, "close");
  }
});

async function port(server: Server): Promise<number> {
  running.push(server);
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

/** A proxy that knows CONNECT; `asked` is where to, and as whom. */
async function httpProxy(asked: string[]): Promise<number> {
  const server = createServer();
  server.on("connect", ({ url = "", headers }, socket, head) => {
    asked.push(url, String(headers["proxy-authorization"]));
    const [host, target] = url.split(":");
    const onward = dial(Number(target), host, () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      onward.write(head);
      socket.pipe(onward).pipe(socket);
    });
    for (const end of [socket, onward]) end.on("error", () => {});
  });
  return port(server);
}

/** SOCKS 5 (RFC 1928), without authentication, for names and IPv4 addresses. */
async function socksProxy(asked: string[]): Promise<number> {
  return port(
    createTcpServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", () => {
        socket.write(Buffer.from([5, 0]));
        socket.once("data", (request: Buffer) => {
          const named = request[3] === 3;
          const end = named ? 5 + (request[4] ?? 0) : 8;
          const host = named ? request.subarray(5, end).toString() : request.subarray(4, 8).join(".");
          const target = request.readUInt16BE(end);
          asked.push(`${host}:${target}`);
          const onward = dial(target, "127.0.0.1", () => {
            socket.write(Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]));
            socket.pipe(onward).pipe(socket);
          });
          onward.on("error", () => {});
        });
      });
    }),
  );
}

describe.each([
  ["plain", false],
  ["TLS", true],
])("an agent, with %s behind it", (_, secure) => {
  const tls = secure ? { tls: { ca: certificate.ca } } : {};

  it("goes through an HTTP proxy", async () => {
    const broker = new TestBroker();
    await using listener = await listen(
      broker,
      secure ? { tls: { cert: certificate.cert, key: certificate.key } } : {},
    );
    const asked: string[] = [];
    const agent = new HttpsProxyAgent(`http://user:secret@127.0.0.1:${await httpProxy(asked)}`);
    const client = new Client({ broker: listener.url, transport: ws({ agent, ...tls }) });
    await client.connect();
    await client.publish("through/the/proxy", "hello", { qos: 1 });
    await client.disconnect();
    expect(asked).toEqual([`127.0.0.1:${listener.port}`, `Basic ${Buffer.from("user:secret").toString("base64")}`]);
    agent.destroy();
    await broker.close();
  });

  it("goes through a SOCKS proxy", async () => {
    const broker = new TestBroker();
    await using listener = await listen(
      broker,
      secure ? { tls: { cert: certificate.cert, key: certificate.key } } : {},
    );
    const asked: string[] = [];
    const agent = new SocksProxyAgent(`socks5h://127.0.0.1:${await socksProxy(asked)}`);
    const client = new Client({ broker: listener.url, transport: ws({ agent, ...tls }) });
    await client.connect();
    await client.publish("through/the/proxy", "hello", { qos: 1 });
    await client.disconnect();
    expect(asked).toEqual([`127.0.0.1:${listener.port}`]);
    agent.destroy();
    await broker.close();
  });
});
