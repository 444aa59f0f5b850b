// SPDX-License-Identifier: Apache-2.0
import { type DisconnectProperties, PacketType } from "@mqttv5/wire";
import type { ScriptedConnection } from "@mqttv5/testing";
import { describe, expect, it } from "vitest";
import { type ClientOptions, InvalidArgumentError, type ServerRedirect, type Transport } from "../src/index.js";
import { referencedUrl } from "../src/server-redirect.js";
import { Bench, codeOf, follow } from "./bench.js";

const { Connect, Connack, Disconnect } = PacketType;

/** A bench that remembers where the client dialled. */
class DialBench extends Bench {
  readonly dials: string[] = [];

  dialling(options: Partial<ClientOptions> = {}): Partial<ClientOptions> {
    const inner = this.peer.transport();
    const transport: Transport = {
      connect: (url, connectOptions) => {
        this.dials.push(url.href);
        return inner.connect(url, connectOptions);
      },
    };
    return { transport, ...options };
  }

  /** Ends a connection in the broker's words; the client comes back. */
  async leave(connection: ScriptedConnection, reasonCode: number, properties?: DisconnectProperties) {
    connection.send({ type: Disconnect, reasonCode, properties });
    await connection.expectClosed();
    return this.next();
  }

  /** Refuses the next attempt. */
  async refuse(reasonCode: number, serverReference?: string): Promise<void> {
    const connection = await this.peer.accept();
    await connection.expect(Connect);
    connection.send({ type: Connack, sessionPresent: false, reasonCode, properties: { serverReference } });
    await connection.expectClosed();
    await this.clock.settle();
  }

  async next(): Promise<ScriptedConnection> {
    const connection = await this.peer.accept();
    const { cleanStart } = await connection.expect(Connect);
    connection.send({ type: Connack, sessionPresent: !cleanStart, reasonCode: 0 });
    await this.clock.settle();
    return connection;
  }
}

describe("setBrokers", () => {
  it("takes effect at the next dial, and leaves the connection alone [parity 165]", async () => {
    const bench = new DialBench();
    const { client, connection } = await bench.connect(bench.dialling());
    const list = ["mqtt://b", "mqtt://c"];
    client.setBrokers(list);
    list[0] = "mqtt://changed later"; // the client has its own copy
    await bench.clock.advance(1000);
    expect(client.state).toMatchObject({ status: "connected", broker: "mqtt://test" });
    connection.cut();
    (await bench.next()).cut();
    await bench.next();
    expect(bench.dials).toEqual(["mqtt://test", "mqtt://b", "mqtt://c"]);
    await bench.end(client);
  });

  it("takes effect at once from within onConnectionDown, onServerDisconnect, onConnectError and onReconnectAttempt [parity 165]", async () => {
    for (const name of ["onConnectionDown", "onServerDisconnect", "onConnectError", "onReconnectAttempt"] as const) {
      for (const delay of [0, 100]) {
        const bench = new DialBench();
        let calls = 0;
        const { client, connection } = await bench.connect(
          bench.dialling({
            reconnectBackoff: () => delay,
            [name]: () => {
              calls++;
              client.setBrokers(["mqtt://new"]);
            },
          }),
        );
        connection.send({ type: Disconnect, reasonCode: 0x8b });
        await connection.expectClosed();
        if (name === "onConnectError") await bench.refuse(0x88);
        await bench.next();
        const dials = name === "onConnectError" ? ["mqtt://test", "mqtt://test"] : ["mqtt://test"];
        expect([name, bench.dials]).toEqual([name, [...dials, "mqtt://new"]]);
        expect(calls).toBe(1);
        await bench.end(client);
      }
    }
  });

  it("holds for the lives to come, and may be called before the first", async () => {
    const bench = new DialBench();
    const client = bench.client(bench.dialling());
    client.setBrokers(["mqtt://first"]);
    follow(client.connect());
    await bench.next();
    client.setBrokers(["mqtt://second"]);
    await bench.end(client);
    follow(client.connect());
    await bench.next();
    expect(bench.dials).toEqual(["mqtt://first", "mqtt://second"]);
    await bench.end(client);
  });

  it("checks as the constructor does, and changes nothing if something is wrong [parity 28]", async () => {
    const bench = new DialBench();
    const { client, connection } = await bench.connect(bench.dialling());
    for (const [urls, code, field] of [
      [[], "MISSING_BROKER", "broker"],
      [undefined, "MISSING_BROKER", "broker"],
      ["mqtt://a", "MISSING_BROKER", "broker"],
      [["mqtt://a", "::"], "INVALID_BROKER_URL", "brokers[1]"],
      [["mqtt://me:secret@a"], "INVALID_BROKER_URL", "brokers[0]"],
      [[1], "INVALID_BROKER_URL", "brokers[0]"],
    ] as const) {
      expect(() => client.setBrokers(urls as never)).toThrow(expect.objectContaining({ code, field }));
    }
    connection.cut();
    await bench.next();
    expect(bench.dials).toEqual(["mqtt://test", "mqtt://test"]);
    await bench.end(client);
  });
});

describe("a redirect [decision 14]", () => {
  it("is reported and, by default, not followed, on CONNACK and on DISCONNECT [parity 168]", async () => {
    for (const [reasonCode, permanent] of [
      [0x9c, false],
      [0x9d, true],
    ] as const) {
      const bench = new DialBench();
      const redirects: ServerRedirect[] = [];
      const { client, connection } = await bench.connect(
        bench.dialling({ onServerRedirect: (redirect) => redirects.push(redirect) }),
      );
      connection.send({ type: Disconnect, reasonCode, properties: { serverReference: "other:1884" } });
      await connection.expectClosed();
      await bench.refuse(reasonCode, "third");
      await bench.refuse(reasonCode);
      await bench.refuse(0x88, "no redirect");
      await bench.next();
      expect(redirects).toEqual([
        { packet: "DISCONNECT", reasonCode, reference: "other:1884", permanent },
        { packet: "CONNACK", reasonCode, reference: "third", permanent },
        { packet: "CONNACK", reasonCode, reference: undefined, permanent },
      ]);
      expect(new Set(bench.dials)).toEqual(new Set(["mqtt://test"]));
      await bench.end(client);
    }
  });

  it("of 0x9C is followed once, if that is wanted; then the list goes on [parity 168]", async () => {
    const bench = new DialBench();
    const { client, connection } = await bench.connect(bench.dialling({ followRedirects: true }));
    const other = await bench.leave(connection, 0x9c, { serverReference: "other:1884" });
    expect(client.state).toMatchObject({ broker: "mqtt://other:1884" });
    other.cut();
    await bench.next();
    expect(bench.dials).toEqual(["mqtt://test", "mqtt://other:1884", "mqtt://test"]);
    await bench.end(client);
  });

  it("of 0x9D replaces the list, for the lives to come as well [parity 168]", async () => {
    const bench = new DialBench();
    const { client, connection } = await bench.connect(
      bench.dialling({ followRedirects: true, brokers: ["mqtt://a", "mqtt://b"] }),
    );
    const moved = await bench.leave(connection, 0x9d, { serverReference: "moved" });
    moved.cut();
    await bench.next();
    await bench.end(client);
    follow(client.connect());
    await bench.next();
    expect(bench.dials.slice(1)).toEqual(["mqtt://moved", "mqtt://moved", "mqtt://moved"]);
    await bench.end(client);
  });

  it("of the first CONNACK is followed without retryInitialConnect, but not round in circles", async () => {
    const bench = new DialBench();
    const client = bench.client(bench.dialling({ followRedirects: true }));
    const connecting = follow(client.connect());
    await bench.refuse(0x9c, "b");
    await bench.refuse(0x9d, "c");
    await bench.next();
    expect(connecting.status).toBe("resolved");
    expect(bench.dials).toEqual(["mqtt://test", "mqtt://b", "mqtt://c"]);
    await bench.end(client);

    const circling = follow(client.connect());
    for (let n = 0; n < 6; n++) await bench.refuse(0x9c, n % 2 === 0 ? "d" : "e");
    expect(codeOf(circling.error)).toBe("CONNECT_REFUSED");
    await bench.peer.expectNoConnection({ within: 10_000 });
  });

  it("to nowhere usable is logged and not followed", async () => {
    const bench = new DialBench();
    const { client, connection } = await bench.connect(
      bench.dialling({ followRedirects: true, broker: "mqtts://test" }),
    );
    const next = await bench.leave(connection, 0x9d, { serverReference: "mqtt://plain" });
    expect(bench.log).toEqual([expect.stringContaining("redirect")]);
    await bench.leave(next, 0x9c, {});
    expect(bench.dials).toEqual(["mqtts://test", "mqtts://test", "mqtts://test"]);
    await bench.end(client);
  });

  it("gives way to setBrokers, and comes after the DISCONNECT and before the loss is reported [parity 167]", async () => {
    const bench = new DialBench();
    const calls: string[] = [];
    const { client, connection } = await bench.connect(
      bench.dialling({
        followRedirects: true,
        onServerDisconnect: () => void calls.push("disconnect"),
        onConnectionDown: () => void calls.push("down"),
        onServerRedirect: () => {
          calls.push("redirect");
          client.setBrokers(["mqtt://mine"]);
        },
      }),
    );
    await bench.leave(connection, 0x9c, { serverReference: "theirs" });
    expect(calls).toEqual(["disconnect", "redirect", "down"]);
    expect(bench.dials).toEqual(["mqtt://test", "mqtt://mine"]);
    await bench.end(client);
  });
});

/** Takes any scheme. */
const ANY: Transport = { connect: () => Promise.reject(new Error("nobody dials here")) };

describe("a Server Reference", () => {
  const read = (reference: string, current = "mqtt://now:1000", transport?: Transport): string => {
    try {
      return referencedUrl(reference, new URL(current), transport).href;
    } catch (error) {
      expect(error).toBeInstanceOf(InvalidArgumentError);
      expect(error).toMatchObject({ code: "INVALID_BROKER_URL", field: "serverReference" });
      return "rejected";
    }
  };

  it("is a host, host:port, address or URL; bare ones keep scheme and path; the first of a list counts [parity 169]", () => {
    expect(
      [
        "myserver.xyz.org",
        "myserver.xyz.org:8883",
        "10.10.151.22:8883 [fe80::9610:3eff:fe1c]:1883",
        " first  second",
        "[fe80::9610:3eff:fe1c]:1883",
        "[::1]",
        "::1",
        "mqtts://safe:8884",
        "tcp://a:1",
      ].map((reference) => read(reference)),
    ).toEqual([
      "mqtt://myserver.xyz.org",
      "mqtt://myserver.xyz.org:8883",
      "mqtt://10.10.151.22:8883",
      "mqtt://first",
      "mqtt://[fe80::9610:3eff:fe1c]:1883",
      "mqtt://[::1]",
      "mqtt://[::1]",
      "mqtts://safe:8884",
      "tcp://a:1",
    ]);
    expect(read("other:9001", "wss://now/mqtt?x=1", ANY)).toBe("wss://other:9001/mqtt?x=1");
    expect(read("other", "mqtts://now:99")).toBe("mqtts://other");
  });

  it("that is anything else is rejected [parity 169]", () => {
    for (const reference of [
      "",
      "   ",
      "host/path",
      "host?query",
      "host#part",
      "me@host",
      "a\\b",
      ":1883",
      "host:",
      "host:port",
      "host:99999",
      "a:b:c",
      "mqtt://me:secret@host",
      "http://host",
      "mqtt://",
      "unix:/run/socket",
      "unix:///run/socket",
      "javascript:alert(1)",
    ]) {
      expect([reference, read(reference)]).toEqual([reference, "rejected"]);
    }
    expect(read("host", "unix:/run/mqtt")).toBe("rejected");
  });

  it("never gives up TLS [decision 14]", () => {
    for (const scheme of ["mqtts", "tls", "ssl", "wss"]) {
      for (const plain of ["mqtt", "tcp", "ws", "other"]) {
        expect(read(`${plain}://host`, `${scheme}://now`, ANY)).toBe("rejected");
      }
      for (const secure of ["mqtts", "tls", "ssl", "wss"]) {
        expect(read(`${secure}://host`, `${scheme}://now`, ANY)).toMatch(`${secure}://host`);
      }
      expect(read("host", `${scheme}://now`, ANY)).toMatch(`${scheme}://host`);
    }
    expect(read("mqtts://host")).toBe("mqtts://host");
  });
});
