// SPDX-License-Identifier: Apache-2.0
import { describe, expect, expectTypeOf, it } from "vitest";
import { bytes, type Codec, MqttError, text } from "../src/index.js";
import { Bench, follow, grant, publish } from "./bench.js";
import { PacketType } from "@mqttv5/wire";

/** The error that `action` throws. */
function failure(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    expect(MqttError.is(error)).toBe(true);
    return error;
  }
  throw new Error("nothing was thrown");
}

describe("bytes()", () => {
  it("takes and gives bytes as they are", () => {
    const payload = Uint8Array.of(0, 255);
    expectTypeOf(bytes()).toEqualTypeOf<Codec<Uint8Array>>();
    expect(bytes().encode(payload)).toBe(payload);
    expect(bytes().decode(payload)).toBe(payload);
    expect(bytes().contentType).toBeUndefined();
  });

  it.each([undefined, null, "text", 5, [1], new ArrayBuffer(1)])("refuses to encode %o", (value) => {
    expect(failure(() => bytes().encode(value as unknown as Uint8Array))).toMatchObject({ code: "ENCODE_FAILED" });
  });
});

describe("text()", () => {
  it("is UTF-8 in both directions", () => {
    expectTypeOf(text()).toEqualTypeOf<Codec<string>>();
    expect(text().contentType).toBe("text/plain");
    for (const value of ["", "Käte", "\u0000", "\ufeffmark", "\u{1f321}", "x".repeat(70_000)]) {
      expect(text().decode(text().encode(value))).toBe(value);
    }
    expect([...text().encode("ä")]).toEqual([0xc3, 0xa4]);
  });

  it.each([undefined, null, 5, Uint8Array.of(1), "\ud800", "a\udfffb"])("refuses to encode %o", (value) => {
    expect(failure(() => text().encode(value as string))).toMatchObject({ code: "ENCODE_FAILED" });
  });

  it.each([[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xc0, 0x80]])(
    "refuses to decode bytes that are not UTF-8",
    (...payload) => {
      const error = failure(() => text().decode(Uint8Array.from(payload)));
      expect(error).toMatchObject({ code: "DECODE_FAILED", cause: expect.any(Error) });
    },
  );
});

it("a typed client with them publishes, receives and rejects as with any codec", async () => {
  const bench = new Bench();
  const { client, connection } = await bench.connect();
  const refused = [
    follow(client.typed(text()).publish("t", "\ud800")),
    follow(client.typed(bytes()).publish("t", "x" as never)),
  ];
  void client.typed(text()).publish("t", "text");
  const { properties } = await connection.expect({ type: PacketType.Publish, payload: "text" });
  expect(properties.toObject()).toEqual({ contentType: "text/plain" });
  for (const { error } of refused) expect(error).toMatchObject({ code: "ENCODE_FAILED", delivery: "not-sent" });
  const got: (string | Uint8Array)[] = [];
  for (const subscribing of [
    client.typed(text()).subscribeCallback("t", ({ value }) => void got.push(value)),
    client.typed(bytes()).subscribeCallback("t", ({ value }) => void got.push(value)),
  ]) {
    await grant(connection);
    await bench.clock.run(subscribing);
  }
  connection.send(publish("t", "ä"));
  await bench.clock.settle();
  expect(got).toEqual(["ä", Uint8Array.of(0xc3, 0xa4)]);
  await bench.end(client);
});
