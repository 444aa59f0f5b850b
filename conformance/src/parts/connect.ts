// SPDX-License-Identifier: Apache-2.0
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { type Client, MqttError, ReasonCode } from "@mqttv5/core";
import { expect } from "vitest";
import { within } from "../patience.js";
import type { Check } from "../suite.js";

/** Connecting, being refused, being replaced, and leaving. */
export function connect(check: Check): void {
  check("connects, says what was granted, and disconnects [MQTT-3.1.4-5]", async (stage) => {
    const client = stage.newClient();
    expect(client.state.status).toBe("idle");
    const info = await within("the connection", client.connect());
    expect(info.sessionPresent).toBe(false);
    expect(info.clientId).toBe(stage.clientId("c1"));
    expect(client.state.status).toBe("connected");
    await client.disconnect();
    expect(client.state).toEqual({ status: "closed", cause: undefined });
  });

  check("a client without an identifier is given one [MQTT-3.1.3-6, MQTT-3.1.3-7, MQTT-3.2.2-16]", async (stage) => {
    const [one, other] = [await stage.client({ clientId: "" }), await stage.client({ clientId: "" })];
    expect(one.clientId).not.toBe("");
    expect(one.serverInfo?.clientId).toBe(one.clientId);
    expect(other.clientId).not.toBe(one.clientId);
  });

  check("where nobody listens, connecting fails with CONNECT_FAILED", async (stage) => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, "close");
    const broker = `${new URL(stage.broker.url).protocol}//127.0.0.1:${port}`;
    const error: unknown = await stage
      .newClient({ broker })
      .connect()
      .catch((reason: unknown) => reason);
    expect(MqttError.is(error) && error.code).toBe("CONNECT_FAILED");
  });

  check("a certificate nobody vouches for is refused, and its broker gets no CONNECT", async (stage) => {
    const secure = new URL(stage.broker.url).protocol === "mqtts:";
    const { tls } = stage.broker;
    const client = stage.newClient({ tls: {} });
    if (secure) {
      await expect(client.connect()).rejects.toMatchObject({ code: "CONNECT_FAILED" });
      await expect(stage.newClient({ tls: { ...tls, servername: "elsewhere" } }).connect()).rejects.toMatchObject({
        code: "CONNECT_FAILED",
      });
    } else {
      await client.connect(); // TLS settings mean nothing where there is no TLS
    }
  });

  check("a second connection under the same identifier replaces the first [MQTT-3.1.3-2]", async (stage) => {
    const clientId = stage.clientId("x");
    const first = await stage.client({ clientId, onConnectionDown: () => false });
    const second = await stage.client({ clientId });
    await within("the end of the first", end(first));
    expect(second.serverInfo?.sessionPresent).toBe(false); // it asked for a clean start
    expect(second.state.status).toBe("connected");
  });

  check(
    "the one that is replaced is told so [MQTT-3.1.4-3]",
    async (stage) => {
      const clientId = stage.clientId("x");
      const reasons: number[] = [];
      const first = await stage.client({
        clientId,
        onServerDisconnect: ({ reasonCode }) => void reasons.push(reasonCode),
        onConnectionDown: () => false,
      });
      await stage.client({ clientId });
      await within("the end of the first", end(first));
      expect(reasons).toEqual([ReasonCode.SessionTakenOver]);
    },
    "DISCONNECT when taken over",
  );

  check("disconnect is idempotent, and a client may connect again after it", async (stage) => {
    const client = await stage.client();
    await Promise.all([client.disconnect(), client.disconnect()]);
    await client.disconnect();
    await within("the connection", client.connect());
    expect(client.state.status).toBe("connected");
    expect(client.stats().connects).toBe(2);
  });
}

/** Resolves when the client is closed. */
async function end(client: Client): Promise<void> {
  while (client.state.status !== "closed") await client.states().next();
}
