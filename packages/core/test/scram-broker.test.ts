// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { Client, type ClientOptions, constantBackoff, scramSha256 } from "../src/index.js";
import { BrokerBench, collect, follow, type Outcome } from "./bench.js";
import { scramServer } from "./scram-server.js";

const METHOD = "SCRAM-SHA-256";

/** Waits for what Web Crypto computes: that takes no time of the clock. */
async function settled<T>(bench: BrokerBench, outcome: Outcome<T>): Promise<Outcome<T>> {
  while (outcome.status === "pending") await bench.clock.settle();
  return outcome;
}

function benchOf(impostor = false): BrokerBench {
  return new BrokerBench({ authenticationMethods: { [METHOD]: scramServer("user", "pencil", impostor) } });
}

function clientOf(bench: BrokerBench, password: string, options: Partial<ClientOptions> = {}): Client {
  return new Client({
    broker: "mqtt://test",
    clientId: "client",
    transport: bench.broker.transport(),
    clock: bench.clock,
    reconnectBackoff: constantBackoff(100),
    sessionExpiryInterval: 0, // else the broker's timer for it would be left
    authenticator: scramSha256({ username: "user", password, clock: bench.clock }),
    ...options,
  });
}

describe("SCRAM-SHA-256 with a broker", () => {
  it("lets in who knows the password, and checks the broker's signature, again and again [parity 65]", async () => {
    const bench = benchOf();
    const client = clientOf(bench, "pencil");
    const connecting = await settled(bench, follow(client.connect()));
    expect(connecting.value).toMatchObject({ authenticationMethod: METHOD });
    const { got } = collect(await bench.clock.run(client.subscribe("a")));
    for (let round = 0; round < 3; round++) {
      expect(await settled(bench, follow(client.reauthenticate()))).toEqual({ status: "resolved", value: undefined });
    }
    await bench.clock.run(client.publish("a", "b", { qos: 1 }));
    await bench.clock.settle();
    expect(got).toEqual(["a=b"]);
    bench.broker.drop();
    await bench.clock.advance(100);
    await settled(bench, follow(client.connected()));
    expect(client.stats().connects).toBe(2);
    await bench.clock.run(client.disconnect());
    expect(bench.clock.pending).toBe(0);
  });

  it("keeps out who does not know it", async () => {
    const bench = benchOf();
    const client = clientOf(bench, "pen");
    const connecting = await settled(bench, follow(client.connect()));
    expect(connecting.error).toMatchObject({ code: "CONNECT_REFUSED", reasonCode: 0x87 });
    expect(client.state.status).toBe("closed");
  });

  it("leaves a broker that lets everybody in and knows nobody [parity 65]", async () => {
    const bench = benchOf(true);
    const client = clientOf(bench, "pencil");
    const connecting = await settled(bench, follow(client.connect()));
    expect(connecting.error).toMatchObject({
      code: "AUTHENTICATION_FAILED",
      message: expect.stringContaining("prove"),
    });
    await bench.clock.advance(1000);
    expect([client.stats().connects, bench.broker.connections.length]).toEqual([0, 0]);
    expect(bench.clock.pending).toBe(0);
  });

  it("a broker without the method refuses with 0x8C [MQTT-4.12.0-1]", async () => {
    const bench = new BrokerBench();
    const connecting = await settled(bench, follow(clientOf(bench, "pencil").connect()));
    expect(connecting.error).toMatchObject({ code: "CONNECT_REFUSED", reasonCode: 0x8c });
  });
});
