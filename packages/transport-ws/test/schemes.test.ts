// SPDX-License-Identifier: Apache-2.0
import { Client, constantBackoff } from "@mqttv5/core";
import { TestBroker } from "@mqttv5/testing";
import { listen as listenTcp } from "@mqttv5/testing/node";
import { listen } from "@mqttv5/testing/ws";
import { describe, expect, it } from "vitest";
import { ws } from "../src/index.js";
import { rejection } from "./stage.js";

describe("the scheme of a broker's URL", () => {
  it("chooses the transport: a list may mix WebSocket with what the client reaches by itself", async () => {
    const broker = new TestBroker();
    await using tcp = await listenTcp(broker);
    await using web = await listen(broker);
    const seen: string[] = [];
    for (const first of [tcp.url, web.url]) {
      const client = new Client({ brokers: [first], transport: ws(), reconnectBackoff: constantBackoff(0) });
      await client.connect();
      client.setBrokers([first === tcp.url ? web.url : tcp.url]);
      broker.drop();
      for await (const state of client.states()) {
        if (state.status !== "connected" || state.broker.startsWith(new URL(first).protocol)) continue;
        seen.push(new URL(state.broker).protocol);
        break;
      }
      await client.disconnect();
    }
    expect(seen).toEqual(["ws:", "mqtt:"]);
    await broker.close();
  });

  it("is refused at once where nobody knows it, and the error says what is missing", () => {
    expect(() => new Client({ broker: "ws://host" })).toThrow(/pass transport: ws\(\), of @mqttv5\/transport-ws/);
    expect(() => new Client({ broker: "http://host", transport: ws() })).toThrow(
      expect.objectContaining({
        code: "INVALID_BROKER_URL",
        limit: expect.stringMatching(/known are mqtt, .*, ws, wss$/),
      }),
    );
  });

  it("of another transport may be any, if that says nothing of schemes", async () => {
    const seen: string[] = [];
    const transport = {
      connect: ({ href }: URL) => {
        seen.push(href);
        return Promise.reject(new Error("no"));
      },
    };
    await rejection(new Client({ broker: "mqtt://host", transport }).connect());
    await rejection(new Client({ broker: "other://host", transport }).connect());
    expect(seen).toEqual(["mqtt://host", "other://host"]);
  });
});
