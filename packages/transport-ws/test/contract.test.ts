// SPDX-License-Identifier: Apache-2.0
import { contractPeer, transportContract } from "@mqttv5/testing";
import { listen, type WsListener } from "@mqttv5/testing/ws";
import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from "vitest";
import { WebSocket } from "ws";
import * as index from "../src/index.js";
import * as web from "../src/web.js";
import { type PlatformWebSocket, webTransport } from "../src/web-transport.js";
import { certificate } from "./certificate.js";
import { freePort } from "./hostile-server.js";

const transports = {
  "the transport for Node": { transport: index.ws({ tls: { ca: certificate.ca } }), tls: false },
  "the transport for Node, over TLS": { transport: index.ws({ tls: { ca: certificate.ca } }), tls: true },
  "the transport for all other platforms, over the WebSocket class of ws": {
    transport: webTransport({}, () => WebSocket as unknown as PlatformWebSocket),
    tls: false,
  },
};

describe.each(Object.entries(transports))("%s keeps the contract of transports", (_, { transport, tls }) => {
  let listener: WsListener;
  const where = { transport, url: new URL("ws://unknown"), nowhere: new URL("ws://unknown") };
  beforeAll(async () => {
    listener = await listen(contractPeer(), tls ? { tls: { cert: certificate.cert, key: certificate.key } } : {});
    where.url = new URL(listener.url);
    where.nowhere = new URL(`${tls ? "wss" : "ws"}://127.0.0.1:${await freePort()}/`);
  });
  afterAll(() => listener.close());

  const names = transportContract(where).map(({ name }) => name);
  it.each(names)("%s", async (name) => {
    const rule = transportContract(where).find((check) => check.name === name);
    await expect(rule?.run()).resolves.toBeUndefined();
  });
});

it("both entries have the same names and types", () => {
  expectTypeOf(web).toEqualTypeOf(index);
});
