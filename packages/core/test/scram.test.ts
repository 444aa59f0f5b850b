// SPDX-License-Identifier: Apache-2.0
import { decodeUtf8, encodeUtf8 } from "@mqttv5/wire";
import { describe, expect, test } from "vitest";
import { scramSha256 } from "../src/auth/scram.js";

// RFC 7677, section 3. Its client nonce is given in Base64, which is how the authenticator writes its random bytes.
const nonce = "rOprNGfwEbeRWgbNEkqO";
const serverFirst = `r=${nonce}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`;
const clientFinal = `c=biws,r=${nonce}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=`;
const serverFinal = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

const randomBytes = () => Uint8Array.from(atob(nonce), (unit) => unit.charCodeAt(0));
const { signal } = new AbortController();
const begin = async (options: Partial<Parameters<typeof scramSha256>[0]> = {}) =>
  scramSha256({ username: "user", password: "pencil", clock: { randomBytes }, ...options }).begin(signal);

describe("SCRAM-SHA-256", () => {
  test("is what RFC 7677 shows", async () => {
    const exchange = await begin();
    expect(decodeUtf8(exchange.initial ?? new Uint8Array())).toBe(`n,,n=user,r=${nonce}`);
    const proof = await exchange.respond(encodeUtf8(serverFirst));
    expect(decodeUtf8(proof ?? new Uint8Array())).toBe(clientFinal);
    expect(() => exchange.verify?.(encodeUtf8(serverFinal))).not.toThrow();
  });

  test("escapes what separates attributes", async () => {
    const exchange = await begin({ username: "a=b,c" });
    expect(decodeUtf8(exchange.initial ?? new Uint8Array())).toContain("n=a=3Db=2Cc,");
  });

  test("refuses a server that does not know the password", async () => {
    const exchange = await begin();
    await exchange.respond(encodeUtf8(serverFirst));
    for (const final of ["v=AAAA", "", "e=invalid-proof"]) {
      expect(() => exchange.verify?.(encodeUtf8(final))).toThrow(
        expect.objectContaining({ code: "AUTHENTICATION_FAILED" }),
      );
    }
    expect(() => exchange.verify?.(undefined)).toThrow("SCRAM");
  });

  test.each([
    ["another nonce", serverFirst.replace(nonce, "x")],
    ["our nonce alone", `r=${nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`],
    ["a salt that is not Base64", serverFirst.replace("W22", "!22")],
    ["too few iterations", serverFirst.replace("4096", "1")],
    ["iterations without end", serverFirst.replace("4096", "999999999")],
    ["a mandatory extension", `m=x,${serverFirst}`],
    ["nothing", ""],
  ])("refuses %s", async (_, message) => {
    const exchange = await begin();
    await expect(exchange.respond(encodeUtf8(message))).rejects.toMatchObject({ code: "AUTHENTICATION_FAILED" });
  });

  test("refuses a second challenge, also while the first is being answered", async () => {
    const exchange = await begin();
    const answer = exchange.respond(encodeUtf8(serverFirst));
    await expect(exchange.respond(encodeUtf8(serverFirst))).rejects.toMatchObject({ code: "AUTHENTICATION_FAILED" });
    await answer;
    await expect(exchange.respond(encodeUtf8(serverFirst))).rejects.toThrow("second challenge");
  });

  test("refuses what is not UTF-8, and shows little of what the server says", async () => {
    const exchange = await begin();
    await expect(exchange.respond(Uint8Array.of(0xff))).rejects.toMatchObject({ code: "AUTHENTICATION_FAILED" });
    expect(() => exchange.verify?.(Uint8Array.of(0xc0, 0x80))).toThrow("not UTF-8");
    expect(() => exchange.verify?.(encodeUtf8(`e=${"x".repeat(10_000)}`))).toThrow(
      expect.objectContaining({ message: expect.stringMatching(/^.{1,150}$/) }),
    );
  });

  test("prepares names as SASLprep does for what keyboards produce", async () => {
    const exchange = await begin({ username: "\u2168\u00a0\u00ado\u200d\ufe0f" });
    expect(decodeUtf8(exchange.initial ?? new Uint8Array())).toBe(`n,,n=IX o,r=${nonce}`);
  });

  test("takes a fresh nonce for every exchange, of the platform's randomness by default", async () => {
    const authenticator = scramSha256({ username: "user", password: "pencil" });
    const [one, other] = [await authenticator.begin(signal), await authenticator.begin(signal)];
    expect(one.initial).not.toEqual(other.initial);
    expect(authenticator.method).toBe("SCRAM-SHA-256");
  });

  test.each([
    ["username", { username: "" }],
    ["username", { username: 1 as never }],
    ["username", { username: "\ud800" }],
    ["password", { password: "a\u0000" }],
    ["password", { password: "" }],
    ["password", { password: 12_345 as never }],
    ["minimumIterations", { minimumIterations: 0 }],
    ["maximumIterations", { maximumIterations: 4095 }],
    ["clock", { clock: {} as never }],
  ])("names the wrong option: %s, and never shows a password", (field, options) => {
    const make = () => scramSha256({ username: "user", password: "pencil", ...options });
    expect(make).toThrow(expect.objectContaining({ name: "InvalidArgumentError", field }));
    expect(make).not.toThrow("12345");
  });

  test("names missing options", () => {
    expect(() => scramSha256(undefined as never)).toThrow("options");
  });
});
