// SPDX-License-Identifier: Apache-2.0
import { InvalidArgumentError } from "./errors.js";
import type { Transport } from "./transport.js";

const SCHEMES = ["mqtt:", "tcp:", "mqtts:", "tls:", "ssl:", "unix:"];
const SECURE = ["mqtts:", "tls:", "ssl:", "wss:"];

/**
 * A list of brokers as URLs, at least one. An error names the index of the one that is wrong. A `transport` of the
 * application's adds the schemes that it says, or else any.
 */
export function brokerUrls(list: unknown, transport: Transport | undefined): readonly URL[] {
  if (!Array.isArray(list) || list.length === 0) {
    throw new InvalidArgumentError("MISSING_BROKER", "broker", list, "needs at least one broker URL");
  }
  return list.map((text: unknown, index) => brokerUrl(text, `brokers[${index}]`, transport));
}

/** One broker as a URL; `field` is what an error calls it. */
export function brokerUrl(text: unknown, field: string, transport: Transport | undefined): URL {
  const fail = (limit: string, cause?: unknown): never => {
    // Credentials do not belong there, and must not end up in a log either.
    const shown = typeof text === "string" ? text.replace(/\/\/.*@/, "//(hidden)@") : text;
    throw new InvalidArgumentError("INVALID_BROKER_URL", field, shown, limit, cause);
  };
  if (typeof text !== "string") return fail("must be a string");
  if (!URL.canParse(text)) return fail("is not a URL such as mqtt://host:1883");
  const url = new URL(text);
  const anyScheme = transport !== undefined && transport.schemes === undefined;
  const known = [...SCHEMES, ...(transport?.schemes ?? []).map((scheme) => `${scheme}:`)];
  if (!anyScheme && !known.includes(url.protocol)) {
    const hint = /^wss?:$/.test(url.protocol) ? "; for ws and wss pass transport: ws(), of @mqttv5/transport-ws" : "";
    return fail(`has an unknown scheme; known are ${known.map((s) => s.slice(0, -1)).join(", ")}${hint}`);
  }
  if (url.username !== "" || url.password !== "") return fail("must not hold credentials: use username and password");
  if (url.protocol === "unix:" ? url.pathname === "" : url.hostname === "" && !anyScheme) return fail("has no host");
  return url;
}

/** Whether the client's own transport is the one for this broker, although the application has brought another. */
export function isOwn(url: URL, { schemes }: Transport): boolean {
  return schemes !== undefined && !schemes.includes(url.protocol.slice(0, -1));
}

/** Whether the scheme promises TLS. */
export function isSecure(url: URL): boolean {
  return SECURE.includes(url.protocol);
}
