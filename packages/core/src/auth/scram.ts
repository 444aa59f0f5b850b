// SPDX-License-Identifier: Apache-2.0
import { decodeUtf8, encodeUtf8, isWellFormed } from "@mqttv5/wire";
import { asText, having, integer, invalid } from "../check.js";
import { type Clock, systemClock } from "../clock.js";
import { MqttError } from "../errors.js";
import { fromBase64, hmacSha256, pbkdf2Sha256, sha256, toBase64 } from "../webcrypto.js";
import type { AuthenticationExchange, Authenticator } from "./authenticator.js";

/** What {@link scramSha256} is made from. */
export interface ScramOptions {
  readonly username: string;
  readonly password: string;
  /** Fewer iterations are refused, as they make the password guessable. Default 4096, the least RFC 7677 allows. */
  readonly minimumIterations?: number | undefined;
  /** More are refused, as a hostile broker could keep the processor busy. Default 1,000,000. */
  readonly maximumIterations?: number | undefined;
  /** Where the nonce comes from. Default: the platform. */
  readonly clock?: Pick<Clock, "randomBytes"> | undefined;
}

/** No channel binding (RFC 5802, section 7). */
const GS2_HEADER = "n,,";
const NONCE_BYTES = 18;
const MOST_ITERATIONS = 2 ** 31 - 1;
/** What an error shows of the broker's words. */
const SHOWN = 100;

/**
 * SCRAM-SHA-256 (RFC 5802, RFC 7677), for the option `authenticator`: the password never leaves, and the broker has to prove that
 * it knows it too. Uses Web Crypto. Names and passwords are prepared as SASLprep does for the characters that keyboards
 * produce. Throws an `InvalidArgumentError` for what can't be used; an exchange fails with `AUTHENTICATION_FAILED`.
 */
export function scramSha256(options: ScramOptions): Authenticator {
  if (options === undefined) throw invalid("options", options, "must be an object");
  having("options", options);
  const username = prepare("username", asText("username", options.username));
  if (typeof options.password !== "string") throw invalid("password", HIDDEN, "must be a string");
  const password = encodeUtf8(prepare("password", options.password));
  const minimum = integer("minimumIterations", options.minimumIterations ?? 4096, 1, MOST_ITERATIONS);
  const maximum = integer("maximumIterations", options.maximumIterations ?? 1_000_000, minimum, MOST_ITERATIONS);
  const clock = having("clock", options.clock, "randomBytes") ?? systemClock();
  return {
    method: "SCRAM-SHA-256",
    begin: () => new ScramExchange(username, password, toBase64(clock.randomBytes(NONCE_BYTES)), minimum, maximum),
  };
}

/** One exchange. Ends with the server's signature. */
class ScramExchange implements AuthenticationExchange {
  readonly initial: Uint8Array;
  readonly #firstBare: string;
  readonly #nonce: string;
  readonly #password: Uint8Array;
  readonly #minimum: number;
  readonly #maximum: number;
  #challenged = false;
  /** What the server must sign with; undefined until the proof was given. */
  #expected: string | undefined;

  constructor(username: string, password: Uint8Array, nonce: string, minimum: number, maximum: number) {
    this.#nonce = nonce;
    this.#password = password;
    this.#minimum = minimum;
    this.#maximum = maximum;
    this.#firstBare = `n=${username.replaceAll("=", "=3D").replaceAll(",", "=2C")},r=${nonce}`;
    this.initial = encodeUtf8(GS2_HEADER + this.#firstBare);
  }

  async respond(challenge: Uint8Array | undefined): Promise<Uint8Array> {
    if (this.#challenged) throw failure("the server sent a second challenge");
    this.#challenged = true;
    const first = textOf(challenge);
    const { r: nonce = "", s: salt64 = "", i: count = "" } = attributes(first);
    const salt = fromBase64(salt64);
    const iterations = /^[1-9]\d{0,9}$/.test(count) ? Number(count) : 0;
    if (!nonce.startsWith(this.#nonce) || nonce === this.#nonce)
      throw failure("the server's nonce does not extend ours");
    if (salt === undefined || salt.length === 0) throw failure("the server's salt is not Base64");
    if (iterations < this.#minimum || iterations > this.#maximum) {
      const asked = count === "" ? "no" : count.slice(0, SHOWN);
      throw failure(`the server asks for ${asked} iterations, allowed are ${this.#minimum} to ${this.#maximum}`);
    }
    const salted = await pbkdf2Sha256(this.#password, salt, iterations);
    const clientKey = await hmacSha256(salted, encodeUtf8("Client Key"));
    const withoutProof = `c=${toBase64(encodeUtf8(GS2_HEADER))},r=${nonce}`;
    const message = encodeUtf8(`${this.#firstBare},${first},${withoutProof}`);
    const signature = await hmacSha256(await sha256(clientKey), message);
    const proof = clientKey.map((byte, index) => byte ^ (signature[index] as number));
    const serverKey = await hmacSha256(salted, encodeUtf8("Server Key"));
    this.#expected = toBase64(await hmacSha256(serverKey, message));
    return encodeUtf8(`${withoutProof},p=${toBase64(proof)}`);
  }

  verify(final: Uint8Array | undefined): void {
    const { e: error, v: signature } = attributes(textOf(final));
    if (error !== undefined) throw failure(`the server says ${error.slice(0, SHOWN)}`);
    if (this.#expected === undefined || signature !== this.#expected) {
      throw failure("the server did not prove that it knows the password");
    }
  }
}

/** `a=1,b=2` as an object; the first of each name counts. A mandatory extension (`m=`) must be refused (RFC 5802, section 5.1). */
function attributes(message: string): Readonly<Record<string, string | undefined>> {
  const found: Record<string, string | undefined> = Object.create(null);
  for (const part of message.split(",")) {
    if (part.charAt(1) === "=") found[part.charAt(0)] ??= part.slice(2);
  }
  if (found["m"] !== undefined) throw failure("the server asks for an extension");
  return found;
}

function textOf(message: Uint8Array | undefined): string {
  if (message === undefined) return "";
  try {
    return decodeUtf8(message);
  } catch {
    throw failure("the server's message is not UTF-8");
  }
}

/** RFC 4013 without its tables of rarities: spaces are mapped, invisible characters removed, control characters refused. */
function prepare(field: string, value: string): string {
  if (!isWellFormed(value)) throw invalid(field, HIDDEN, "must be well-formed text, without lone surrogates");
  const prepared = value
    .replaceAll(/\u00ad|\u034f|\u1806|[\u180b-\u180d]|[\u200b-\u200d]|\u2060|[\ufe00-\ufe0f]|\ufeff/g, "")
    .replaceAll(/[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]/g, " ")
    .normalize("NFKC");
  if (prepared === "") throw invalid(field, value, "must not be empty");
  // oxlint-disable-next-line no-control-regex -- control characters are what it looks for
  if (/[\u0000-\u001f\u007f-\u009f]/.test(prepared)) throw invalid(field, HIDDEN, "must have no control characters");
  return prepared;
}

const HIDDEN = "(hidden)";

function failure(text: string): MqttError {
  return new MqttError("AUTHENTICATION_FAILED", `SCRAM: ${text}`);
}
