// SPDX-License-Identifier: Apache-2.0
import { PacketType } from "@mqttv5/wire";
import { describe, expect, it } from "vitest";
import type { Client, ClientOptions } from "../src/index.js";
import { Bench, follow, grant, suback } from "./bench.js";

/** A client whose callbacks write down the state they see. */
function watched(bench: Bench, options: Partial<ClientOptions> = {}): { client: Client; seen: string[] } {
  const seen: string[] = [];
  const see = (name: string) => (): void => {
    const { state } = client;
    const attempt = state.status === "waiting" || state.status === "connecting" ? ` ${state.attempt}` : "";
    seen.push(`${name}: ${state.status}${attempt}`);
  };
  const client = bench.client({
    onConnectionUp: see("up"),
    onConnectionDown: see("down"),
    onConnectError: see("error"),
    onReconnectAttempt: see("attempt"),
    onServerDisconnect: see("server"),
    onServerRedirect: see("redirect"),
    onResubscribeError: see("resubscribe"),
    retryInitialConnect: true,
    ...options,
  });
  return { client, seen };
}

describe("within a callback the client shows the state after what it tells of:", () => {
  it("connected while there is a connection, waiting once it is lost", async () => {
    const bench = new Bench();
    const { client, seen } = watched(bench);
    const connecting = follow(client.connect());
    (await bench.peer.accept()).cut();
    const connection = await bench.peer.acceptConnect();
    await bench.clock.settle();
    expect(connecting.status).toBe("resolved");
    expect(seen.splice(0)).toEqual(["error: waiting 1", "attempt: waiting 1", "up: connected"]);

    const subscribing = client.subscribe("a");
    await grant(connection);
    await bench.clock.run(subscribing);
    connection.send({
      type: PacketType.Disconnect,
      reasonCode: 0x9c,
      properties: { serverReference: "elsewhere" },
    });
    const next = await bench.peer.acceptConnect();
    const { packetId } = await next.expect(PacketType.Subscribe);
    next.send(suback(packetId, 0x87));
    await bench.clock.settle();
    expect(seen.splice(0)).toEqual([
      "server: waiting 2",
      "redirect: waiting 2",
      "down: waiting 2",
      "attempt: waiting 2",
      "up: connected",
      "resubscribe: connected",
    ]);
    await bench.end(client);
    expect(seen).toEqual([]);
  });

  it("closed after a fatal refusal, or once the application has said so", async () => {
    const bench = new Bench();
    const { client, seen } = watched(bench, { refusals: () => "fatal" });
    const connecting = client.connect();
    const connection = await bench.peer.acceptConnect();
    await bench.clock.run(connecting);
    connection.send({ type: PacketType.Disconnect, reasonCode: 0x8e });
    await connection.expectClosed();
    await bench.clock.settle();
    expect(seen).toEqual(["up: connected", "server: closed", "down: closed"]);
    expect(bench.clock.pending).toBe(0);
  });

  it("and what they do takes effect: false stops, disconnect ends", async () => {
    for (const stop of ["false", "disconnect", "nothing"] as const) {
      const bench = new Bench();
      const { client } = watched(bench, {
        onConnectionDown: () => {
          if (stop === "disconnect") void client.disconnect();
          return stop !== "false";
        },
      });
      const statuses: string[] = [];
      void (async () => {
        for await (const { status } of client.states()) statuses.push(status);
      })();
      const connecting = client.connect();
      const connection = await bench.peer.acceptConnect();
      await bench.clock.run(connecting);
      connection.cut();
      await bench.clock.advance(99);
      const expected = ["connecting", "connected", "waiting"];
      expect(statuses).toEqual(stop === "nothing" ? expected : [...expected, "closed"]);
      await bench.clock.advance(1);
      expect(client.state.status).toBe(stop === "nothing" ? "connecting" : "closed");
      await bench.end(client);
    }
  });
});
