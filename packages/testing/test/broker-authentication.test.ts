// SPDX-License-Identifier: Apache-2.0
import { type AuthPacket, decodeUtf8, encodeUtf8, PacketType, ReasonCode } from "@mqttv5/wire";
import { describe, expect, it } from "vitest";
import type {
  AsyncAuthenticationRounds,
  AuthenticationContext,
  AuthenticationRounds,
  ScriptedConnection,
  TestBrokerOptions,
} from "../src/index.js";
import { Bench, connectPacket, publish, receive, subscribe } from "./bench.js";

const method = "ECHO";

function auth(reasonCode: number, data?: string, authenticationMethod: string = method): AuthPacket {
  const authenticationData = data === undefined ? undefined : encodeUtf8(data);
  return { type: PacketType.Auth, reasonCode, properties: { authenticationMethod, authenticationData } };
}

/** Asks twice; both answers have to be what was asked. */
function* echo(data: Uint8Array | undefined): AuthenticationRounds {
  if (data && decodeUtf8(data) === "at once") return { data: encodeUtf8("welcome") };
  for (const word of ["one", "two"]) {
    const answer = yield encodeUtf8(word);
    if (!answer || decodeUtf8(answer) !== word) return { reasonCode: ReasonCode.NotAuthorized };
  }
  return { data: encodeUtf8("welcome") };
}

const options: TestBrokerOptions = { authenticationMethods: { [method]: echo } };

async function begin(bench: Bench, data?: string): Promise<ScriptedConnection> {
  const { connection } = await bench.dial();
  connection.send({ ...connectPacket, properties: { ...auth(0, data).properties } });
  return connection;
}

async function authenticated(bench: Bench): Promise<ScriptedConnection> {
  const connection = await begin(bench, "at once");
  await connection.expect({ type: PacketType.Connack, reasonCode: 0 });
  return connection;
}

describe("enhanced authentication", () => {
  it("goes on for as many rounds as the script asks [MQTT-4.12.0-2] [MQTT-4.12.0-5]", async () => {
    const client = await begin(new Bench(options));
    for (const word of ["one", "two"]) {
      await client.expect(auth(ReasonCode.ContinueAuthentication, word));
      client.send(auth(ReasonCode.ContinueAuthentication, word));
    }
    await client.expect({
      type: PacketType.Connack,
      reasonCode: 0,
      properties: { authenticationMethod: method, authenticationData: "welcome" },
    });
  });

  it("may need no round at all", async () => {
    const client = await begin(new Bench(options), "at once");
    await client.expect({ type: PacketType.Connack, properties: { authenticationData: "welcome" } });
  });

  it("that fails ends in a CONNACK [MQTT-4.12.0-4]", async () => {
    const bench = new Bench(options);
    const client = await begin(bench);
    await client.expect(PacketType.Auth);
    client.send(auth(ReasonCode.ContinueAuthentication, "wrong"));
    await client.expect({ type: PacketType.Connack, reasonCode: ReasonCode.NotAuthorized });
    await client.expectClosed();
    expect(bench.broker.sessions).toEqual([]);
  });

  it("of an unknown method is refused with 0x8C [MQTT-4.12.0-1]", () =>
    new Bench(options).refused({ properties: { authenticationMethod: "OTHER" } }, ReasonCode.BadAuthenticationMethod));

  it("is not offered to a client that names no method [MQTT-4.12.0-6]", async () => {
    const bench = new Bench(options);
    const { connack, connection } = await bench.handshake();
    expect(connack.properties.authenticationMethod).toBeUndefined();
    connection.send(auth(ReasonCode.ReAuthenticate));
    await connection.expect({ type: PacketType.Disconnect, reasonCode: ReasonCode.ProtocolError });
  });

  it("refuses any other packet meanwhile, another method, another code, and an answer nobody asked for", async () => {
    for (const packet of [
      { type: PacketType.Pingreq } as const,
      auth(ReasonCode.ContinueAuthentication, "one", "OTHER"),
      auth(ReasonCode.ReAuthenticate, "one"),
    ]) {
      const client = await begin(new Bench(options));
      await client.expect(PacketType.Auth);
      client.send(packet);
      await client.expect({ type: PacketType.Connack, reasonCode: ReasonCode.ProtocolError });
      await client.expectClosed();
    }
    const client = await authenticated(new Bench(options));
    client.send(auth(ReasonCode.ContinueAuthentication));
    await client.expect({ type: PacketType.Disconnect, reasonCode: ReasonCode.ProtocolError });
  });

  it("can be given up by the client", async () => {
    const client = await begin(new Bench(options));
    await client.expect(PacketType.Auth);
    client.send({ type: PacketType.Disconnect, reasonCode: 0 });
    await client.expectClosed();
  });

  it("may take its time: the script may be asynchronous", async () => {
    const bench = new Bench({
      authenticationMethods: {
        async *[method](): AsyncAuthenticationRounds {
          await new Promise<void>((resolve) => bench.clock.schedule(100, resolve));
          const answer = yield encodeUtf8("?");
          await new Promise<void>((resolve) => bench.clock.schedule(100, resolve));
          return { data: answer };
        },
      },
    });
    const client = await begin(bench);
    await client.expect(auth(ReasonCode.ContinueAuthentication, "?"));
    client.send(auth(ReasonCode.ContinueAuthentication, "!"));
    await client.expect({ type: PacketType.Connack, properties: { authenticationData: "!" } });
    expect(bench.clock.now()).toBe(200);
    const hasty = await begin(bench);
    await hasty.expect(PacketType.Auth);
    hasty.send(auth(ReasonCode.ContinueAuthentication, "!"), auth(ReasonCode.ContinueAuthentication, "!"));
    await hasty.expect({ type: PacketType.Connack, reasonCode: ReasonCode.ProtocolError });
  });

  it("whose script fails ends with 0x83, and the failure surfaces", async () => {
    const failure = new Error("broken script");
    const bench = new Bench({
      authenticationMethods: {
        // oxlint-disable-next-line require-yield
        async *[method](): AsyncAuthenticationRounds {
          throw failure;
        },
      },
    });
    const client = await begin(bench);
    await expect(client.next()).rejects.toBe(failure);
    await client.expect({ type: PacketType.Connack, reasonCode: ReasonCode.ImplementationSpecificError });
  });
});

describe("re-authentication", () => {
  it("runs beside other traffic and ends with AUTH 0x00", async () => {
    const contexts: AuthenticationContext[] = [];
    const bench = new Bench({
      authenticationMethods: {
        [method](data, context) {
          contexts.push(context);
          return echo(data);
        },
      },
    });
    const client = await authenticated(bench);
    await subscribe(client, "t");
    client.send(auth(ReasonCode.ReAuthenticate));
    await client.expect(auth(ReasonCode.ContinueAuthentication, "one"));
    client.send(publish("t", "meanwhile"), auth(ReasonCode.ContinueAuthentication, "one"));
    await receive(client, "t", "meanwhile");
    await client.expect(auth(ReasonCode.ContinueAuthentication, "two"));
    client.send(auth(ReasonCode.ContinueAuthentication, "two"));
    await client.expect(auth(ReasonCode.Success, "welcome"));
    expect(contexts).toEqual([
      { clientId: "client", reauthentication: false },
      { clientId: "client", reauthentication: true },
    ]);
    client.send(auth(ReasonCode.ReAuthenticate, "at once"));
    await client.expect(auth(ReasonCode.Success, "welcome"));
  });

  it("that fails ends the connection [MQTT-4.12.1-2]", async () => {
    const client = await authenticated(new Bench(options));
    client.send(auth(ReasonCode.ReAuthenticate));
    await client.expect(PacketType.Auth);
    client.send(auth(ReasonCode.ContinueAuthentication, "wrong"));
    await client.expect({ type: PacketType.Disconnect, reasonCode: ReasonCode.NotAuthorized });
    await client.expectClosed();
  });

  it("with another method, or while one is running, is a Protocol Error", async () => {
    for (const packets of [
      [auth(ReasonCode.ReAuthenticate, "x", "OTHER")],
      [auth(ReasonCode.ReAuthenticate), auth(ReasonCode.ReAuthenticate)],
    ]) {
      const client = await authenticated(new Bench(options));
      client.send(...packets);
      if (packets.length > 1) await client.expect(PacketType.Auth);
      await client.expect({ type: PacketType.Disconnect, reasonCode: ReasonCode.ProtocolError });
    }
  });
});
