// SPDX-License-Identifier: Apache-2.0
import { InvalidArgumentError, type Link, type Transport } from "@mqttv5/core";
import { WsError } from "./error.js";
import { checkHeaders, invalid, objectOf, type ResolvedOptions } from "./options.js";

/** Where one attempt goes, and what it says. */
export interface Destination {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
}

/** Starts a handshake; what comes after the first of the two calls does not count. Returns what gives it up. */
export type Dial = (
  destination: Destination,
  options: ResolvedOptions,
  opened: (link: Link) => void,
  failed: (error: unknown) => void,
) => () => void;

/** A transport over `dial`, which is all that differs from platform to platform. */
export function transportOver(dial: Dial, options: ResolvedOptions): Transport {
  return {
    schemes: ["ws", "wss"],
    async connect(broker, { signal, headers = {} }) {
      signal.throwIfAborted();
      checkUrl("broker", broker);
      const asked = await unlessAborted(Promise.resolve(options.request?.(broker, signal)), signal);
      return handshake(dial, destination(broker, headers, asked ?? {}, options), options, signal);
    },
  };
}

function destination(
  broker: URL,
  given: Readonly<Record<string, string>>,
  asked: NonNullable<Awaited<ReturnType<NonNullable<ResolvedOptions["request"]>>>>,
  options: ResolvedOptions,
): Destination {
  const { url = broker, headers = {} } = objectOf("request", asked);
  checkHeaders("request.headers", headers);
  if (!URL.canParse(String(url))) throw invalid("request.url", "(hidden)", "must be a URL");
  const target = new URL(String(url));
  checkUrl("request.url", target);
  if (broker.protocol === "wss:" && target.protocol !== "wss:") {
    throw new InvalidArgumentError("INVALID_BROKER_URL", "request.url", shown(target), "must be wss, as the broker is");
  }
  return { url: target, headers: { ...options.headers, ...given, ...headers } };
}

function checkUrl(field: string, url: URL): void {
  const fail = (limit: string): never => {
    throw new InvalidArgumentError("INVALID_BROKER_URL", field, shown(url), limit);
  };
  if (url.protocol !== "ws:" && url.protocol !== "wss:") fail("must be a ws or wss URL");
  if (url.hash !== "") fail("must have no fragment");
}

/** What a log may see of a URL: credentials may stand in the rest. */
function shown(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}`;
}

function handshake(dial: Dial, to: Destination, options: ResolvedOptions, signal: AbortSignal): Promise<Link> {
  return new Promise((resolve, reject) => {
    const { handshakeTimeout, clock } = options;
    signal.throwIfAborted();
    const settle = (): void => {
      timer?.cancel();
      signal.removeEventListener("abort", stop);
    };
    const giveUp = (reason: unknown): void => {
      settle();
      reject(reason);
      abandon();
    };
    const stop = (): void => giveUp(signal.reason);
    const timer =
      handshakeTimeout === undefined
        ? undefined
        : clock.schedule(handshakeTimeout, () => {
            const text = `${shown(to.url)} did not finish the WebSocket handshake within ${handshakeTimeout} ms`;
            giveUp(new WsError("HANDSHAKE_TIMEOUT", text, "handshakeTimeout", handshakeTimeout));
          });
    signal.addEventListener("abort", stop, { once: true });
    const failed = (error: unknown): void => {
      settle();
      reject(error);
    };
    const opened = (link: Link): void => {
      settle();
      resolve(link);
    };
    const abandon = dialled(dial, to, options, opened, failed);
  });
}

/** Dials; what is thrown there fails the attempt like all else. */
function dialled(...[dial, to, options, opened, failed]: [Dial, ...Parameters<Dial>]): () => void {
  try {
    return dial(to, options, opened, failed);
  } catch (error) {
    failed(error);
    return () => {};
  }
}

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason);
    const done = (): void => signal.removeEventListener("abort", stop);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
    promise.then(resolve, reject).finally(done);
  });
}
