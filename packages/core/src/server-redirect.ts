// SPDX-License-Identifier: Apache-2.0
import { ReasonCode } from "@mqttv5/wire";
import { brokerUrl, isSecure } from "./broker-url.js";
import { InvalidArgumentError, type MqttError, ReasonCodeError } from "./errors.js";
import type { Transport } from "./transport.js";

/** The broker asked to go elsewhere (section 4.11). */
export interface ServerRedirect {
  readonly packet: "CONNACK" | "DISCONNECT";
  /** 0x9C (use another server) or 0x9D (server moved). */
  readonly reasonCode: number;
  /** Where to; undefined if the broker does not say. */
  readonly reference: string | undefined;
  /** Server moved: for every connection to come. */
  readonly permanent: boolean;
}

/** The redirect that a refusal or a DISCONNECT is, if it is one. */
export function serverRedirect(cause: MqttError): ServerRedirect | undefined {
  if (!(cause instanceof ReasonCodeError)) return undefined;
  const { packet, reasonCode, serverReference } = cause;
  if (packet !== "CONNACK" && packet !== "DISCONNECT") return undefined;
  const permanent = reasonCode === ReasonCode.ServerMoved;
  if (!permanent && reasonCode !== ReasonCode.UseAnotherServer) return undefined;
  return { packet, reasonCode, reference: serverReference, permanent };
}

/**
 * Where a Server Reference points, read by the broker at `current`: the first of a space-separated list, as `host`,
 * `host:port` or `[address]:port`, which keep scheme and path, or as a URL (section 4.11). Throws an
 * `InvalidArgumentError` for anything else, and for what would give up TLS or leave the network.
 */
export function referencedUrl(reference: string, current: URL, transport: Transport | undefined): URL {
  const first = reference.trim().split(/ +/)[0] ?? "";
  const fail = (limit: string): never => {
    throw new InvalidArgumentError("INVALID_BROKER_URL", "serverReference", first, limit);
  };
  if (first === "") return fail("names no server");
  let text = first;
  if (!first.includes("://")) {
    if (/[/?#@\\]/.test(first)) return fail("must be a host, host:port or a URL");
    if (current.protocol === "unix:") return fail("is a host, where a Unix socket was");
    const host = isBareAddress(first) ? `[${first}]` : first;
    if (/^:|:$/.test(host)) return fail("must be a host, host:port or a URL");
    text = `${current.protocol}//${host}${current.pathname}${current.search}`;
  }
  const url = brokerUrl(text, "serverReference", transport);
  if (isSecure(current) && !isSecure(url)) return fail("would give up TLS");
  if (url.protocol === "unix:" && current.protocol !== "unix:") return fail("must not name a socket of this machine");
  return url;
}

/** An IPv6 address without its brackets. */
function isBareAddress(text: string): boolean {
  return !text.startsWith("[") && text.split(":").length > 2;
}
