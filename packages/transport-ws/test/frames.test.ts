// SPDX-License-Identifier: Apache-2.0
import { Client, type MqttError } from "@mqttv5/core";
import { encode, PacketType } from "@mqttv5/wire";
import { describe, expect, it } from "vitest";
import { WsError } from "../src/index.js";
import { bigEndian, frameBytes, type RawConnection } from "./hostile-server.js";
import { connect, platforms, rejection, serve } from "./stage.js";

const BINARY = 0x82;
const TEXT = 0x81;

/** A connection whose handshake is done, and the client's end of it. */
async function joined(
  transport: ReturnType<(typeof platforms)[number][1]>,
  more?: Uint8Array,
): Promise<{ server: RawConnection; client: Awaited<ReturnType<typeof connect>> }> {
  const server = await serve((connection) => connection.accept("mqtt", more));
  const client = await connect(transport, server.url);
  return { server: server.connections[0] as RawConnection, client };
}

describe.each(platforms)("a WebSocket %s", (_, ws) => {
  it("asks for the subprotocol mqtt, of version 13, and in Node for no extension [parity 188] [MQTT-6.0.0-3]", async () => {
    const { server, client } = await joined(ws());
    expect(server.header("Sec-WebSocket-Protocol")).toBe("mqtt");
    expect(server.header("Sec-WebSocket-Version")).toBe("13");
    expect(server.request[0]).toBe("GET /mqtt HTTP/1.1");
    // Elsewhere the platform decides; a browser offers compression.
    if (_ === "for Node") expect(server.header("Sec-WebSocket-Extensions")).toBeUndefined();
    client.link.destroy();
    await client.closed;
  });

  it("makes one masked binary frame of each write [parity 188] [MQTT-6.0.0-1]", async () => {
    const { server, client } = await joined(ws());
    const writes = [Buffer.from("a"), Buffer.alloc(126, 1), Buffer.alloc(65_536, 2), Buffer.from("end")];
    for (const write of writes) client.link.send(write);
    for (const payload of writes) expect(await server.next()).toEqual({ first: BINARY, masked: true, payload });
    client.link.destroy();
    await client.closed;
  });

  it("loses no byte that comes in the same segment as the handshake [parity 188]", async () => {
    const { server, client } = await joined(ws(), frameBytes(BINARY, "at once"));
    server.frame(BINARY, ", and then");
    expect((await client.bytes(17)).toString()).toBe("at once, and then");
    client.link.destroy();
    await client.closed;
  });

  it("reads a stream: packets may span frames, fragments and writes, and share them [parity 188] [MQTT-6.0.0-2]", async () => {
    const { server, client } = await joined(ws());
    server.frame(0x02, "frag"); // not final
    server.frame(0x89, "a ping between"); // allowed between fragments
    server.frame(0x00, "men");
    server.frame(0x80, "ted");
    server.frame(BINARY, ""); // an empty frame is nothing
    for (const byte of frameBytes(BINARY, "byte by byte")) server.socket.write(Buffer.from([byte]));
    server.socket.write(Buffer.concat([frameBytes(BINARY, "two"), frameBytes(BINARY, "frames")]));
    expect((await client.bytes(31)).toString()).toBe("fragmentedbyte by bytetwoframes");
    expect((await server.next()).first).toBe(0x8a); // the pong
    client.link.destroy();
    await client.closed;
  });

  it("is spoken over by MQTT however the broker cuts its packets [parity 188] [MQTT-6.0.0-2]", async () => {
    const connack = encode({ type: PacketType.Connack, sessionPresent: false, reasonCode: 0 });
    const message = (topic: string): Uint8Array =>
      encode({
        type: PacketType.Publish,
        topic,
        payload: Buffer.from("x"),
        qos: 0,
        packetId: 0,
        retain: false,
        duplicate: false,
      });
    const server = await serve((connection) => {
      connection.accept();
      void connection.next().then(({ payload }) => {
        expect(payload.subarray(2, 8).toString("latin1")).toBe("\0\u0004MQTT");
        const all = Buffer.concat([connack, message("a"), message("b"), message("c")]);
        connection.frame(BINARY, all.subarray(0, 3)); // the first half of CONNACK
        connection.frame(BINARY, all.subarray(3, 9)); // the rest, and a part of a PUBLISH
        connection.frame(BINARY, all.subarray(9)); // all else in one
      });
    });
    const client = new Client({ broker: server.url.href, transport: ws(), clientId: "c", disconnectTimeout: 0 });
    const topics: string[] = [];
    const seen = new Promise<void>((resolve) => {
      void client.subscribeCallback("#", ({ topic }) => {
        topics.push(topic);
        if (topics.length === 3) resolve();
      });
    });
    await client.connect();
    await seen;
    expect(topics).toEqual(["a", "b", "c"]);
    await client.disconnect();
  });

  it("answers a ping with a pong of the same content [parity 189]", async () => {
    const { server, client } = await joined(ws());
    server.frame(0x89, "are you there");
    expect(await server.next()).toEqual({ first: 0x8a, masked: true, payload: Buffer.from("are you there") });
    server.frame(0x8a, "a pong nobody asked for");
    server.frame(BINARY, "x");
    expect((await client.bytes(1)).toString()).toBe("x");
    client.link.destroy();
    await client.closed;
  });

  it("ends with an error when a text frame comes, and says why to the other side [parity 189] [MQTT-6.0.0-1]", async () => {
    const { server, client } = await joined(ws());
    server.frame(BINARY, "good");
    server.frame(TEXT, "bad");
    server.frame(BINARY, "not looked at");
    const { first, payload } = await server.next();
    expect(first).toBe(0x88);
    expect([1003, 4003]).toContain(payload.readUInt16BE());
    server.socket.end();
    const error = await client.closed;
    expect(error).toBeInstanceOf(WsError);
    expect(error).toMatchObject({ code: "TEXT_FRAME", field: "frame", value: "text" });
    expect(Buffer.concat(client.chunks).toString()).toBe("good");
  });

  it("tells of the other side's close frame: its code and its reason [parity 189]", async () => {
    const { server, client } = await joined(ws());
    server.frame(BINARY, "last words");
    server.frame(0x88, Buffer.concat([Buffer.from([1008 >> 8, 1008 & 255]), Buffer.from("over quota")]));
    const { first, payload } = await server.next();
    expect([first, payload.readUInt16BE()]).toEqual([0x88, 1008]);
    server.socket.end();
    const error = await client.closed;
    expect(error).toMatchObject({ code: "CLOSED_BY_PEER", field: "closeCode", value: 1008, reason: "over quota" });
    expect(Buffer.concat(client.chunks).toString()).toBe("last words");
  });

  it("ends without an error when the other side closes in good order [parity 189]", async () => {
    for (const content of [Buffer.alloc(0), Buffer.from([1000 >> 8, 1000 & 255])]) {
      const { server, client } = await joined(ws());
      server.frame(0x88, content);
      expect((await server.next()).first).toBe(0x88);
      server.socket.end();
      expect(await client.closed).toBeUndefined();
    }
  });

  it("says that there was no close frame when the socket just ends [parity 189]", async () => {
    const { server, client } = await joined(ws());
    server.socket.destroy();
    expect(await client.closed).toMatchObject({ code: "CLOSED_BY_PEER", value: 1006 });
  });

  it("closes with 1000 behind what was sent, and waits for the answer [parity 189]", async () => {
    const { server, client } = await joined(ws());
    client.link.send(Buffer.from("goodbye"));
    client.link.end();
    expect(client.link.send(Buffer.from("too late"))).toBe(false);
    expect((await server.next()).payload.toString()).toBe("goodbye");
    const { first, payload } = await server.next();
    expect([first, payload.readUInt16BE()]).toEqual([0x88, 1000]);
    server.frame(0x88, Buffer.from([1001 >> 8, 1001 & 255]));
    server.socket.end();
    expect(await client.closed).toBeUndefined();
  });

  it.each([
    ["a frame that announces too much", (): Buffer => Buffer.concat([Buffer.from([BINARY, 127]), bigEndian(2 ** 40)])],
    [
      "fragments that are too much together",
      (): Buffer => Buffer.concat([frameBytes(0x02, "123456"), frameBytes(0x80, "789")]),
    ],
  ])("ends with an error, and holds none of it, when there is %s", async (_, bytes) => {
    const { server, client } = await joined(ws({ maximumFrameSize: 8 }));
    server.frame(BINARY, "12345678");
    server.socket.write(bytes());
    const error = await client.closed;
    // What a platform's WebSocket refuses by itself it only says is closed.
    expect(error).toMatchObject({ code: expect.stringMatching(/^(FRAME_TOO_LARGE|CLOSED_BY_PEER)$/) });
    expect(Buffer.concat(client.chunks).toString()).toBe("12345678");
  });

  it.each([
    ["a reserved opcode", [0x83, 0]],
    ["a masked frame", [0x82, 0x81, 0, 0, 0, 0, 0]],
    ["a reserved bit", [0xc2, 0]],
    ["a continuation of nothing", [0x80, 0]],
    ["a control frame in fragments", [0x09, 0]],
    ["a close code that is none", [0x88, 2, 0, 5]],
  ])("ends with an error when there is %s", async (_, bytes) => {
    const { server, client } = await joined(ws());
    server.socket.write(Buffer.from(bytes));
    const error = await client.closed;
    expect(error).toBeInstanceOf(WsError);
    expect(["BAD_FRAME", "CLOSED_BY_PEER"]).toContain((error as WsError).code);
  });

  it("gives the client a lost connection whose cause says all that is known", async () => {
    const server = await serve((connection) => {
      connection.accept();
      void (async () => {
        await connection.next();
        connection.frame(TEXT, "CONNACK?");
        await connection.next();
        connection.socket.end();
      })();
    });
    const client = new Client({ broker: server.url.href, transport: ws() });
    const error = (await rejection(client.connect())) as MqttError;
    expect(error).toMatchObject({ code: "CONNECTION_LOST", cause: { code: "TEXT_FRAME" } });
  });

  it("has a key of its own for each handshake", async () => {
    const server = await serve((connection) => connection.accept());
    const transport = ws();
    const links = [await connect(transport, server.url), await connect(transport, server.url)];
    const keys = server.connections.map((connection) => connection.header("Sec-WebSocket-Key") ?? "");
    expect(new Set(keys).size).toBe(2);
    expect(keys.map((key) => Buffer.from(key, "base64").length)).toEqual([16, 16]);
    for (const { link, closed } of links) {
      link.destroy();
      await closed;
    }
  });
});
