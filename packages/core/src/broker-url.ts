// SPDX-License-Identifier: Apache-2.0
import { InvalidArgumentError } from "./errors.js";

const SCHEMES = ["mqtt:", "tcp:", "mqtts:", "tls:", "ssl:", "unix:"];
const SECURE = ["mqtts:", "tls:", "ssl:", "wss:"];

/**
 * A list of brokers as URLs, at least one. An error names the index of the one that is wrong. `anyScheme`: there is a
 * transport of the application's, which knows what it can reach.
 */
export function brokerUrls(list: unknown, anyScheme: boolean): readonly URL[] {
  if (!Array.isArray(list) || list.length === 0) {
    throw new InvalidArgumentError("MISSING_BROKER", "broker", list, "needs at least one broker URL");
  }
  return list.map((text: unknown, index) => brokerUrl(text, `brokers[${index}]`, anyScheme));
}

/** One broker as a URL; `field` is what an error calls it. */
export function brokerUrl(text: unknown, field: string, anyScheme: boolean): URL {
  const fail = (limit: string, cause?: unknown): never => {
    // Credentials do not belong there, and must not end up in a log either.
    const shown = typeof text === "string" ? text.replace(/\/\/.*@/, "//(hidden)@") : text;
    throw new InvalidArgumentError("INVALID_BROKER_URL", field, shown, limit, cause);
  };
  if (typeof text !== "string") return fail("must be a string");
  if (!URL.canParse(text)) return fail("is not a URL such as mqtt://host:1883");
  const url = new URL(text);
  if (!anyScheme && !SCHEMES.includes(url.protocol)) {
    return fail(`has an unknown scheme; known are ${SCHEMES.map((s) => s.slice(0, -1)).join(", ")}`);
  }
  if (url.username !== "" || url.password !== "") return fail("must not hold credentials: use username and password");
  if (url.protocol === "unix:" ? url.pathname === "" : url.hostname === "" && !anyScheme) return fail("has no host");
  return url;
}

/** Whether the scheme promises TLS. */
export function isSecure(url: URL): boolean {
  return SECURE.includes(url.protocol);
}
