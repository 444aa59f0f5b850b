// SPDX-License-Identifier: Apache-2.0
import { encodeUtf8 } from "@mqttv5/wire";
import type { StateFeed } from "./client-state.js";
import type { Clock } from "./clock.js";
import { MqttError } from "./errors.js";
import type { Logger } from "./logger.js";
import type { ClientOptions } from "./options.js";
import type { PublishOptions, PublishResult } from "./publish-options.js";
import type { ResolvedPublisherPool } from "./publisher-pool-options.js";
import type { ServerInfo } from "./server-info.js";
import { remaining, type WaitOptions, within } from "./signal.js";
import type { Stats } from "./stats.js";

type Publish = (
  topic: string,
  payload: Uint8Array | string | undefined,
  options: PublishOptions | undefined,
) => Promise<PublishResult>;

/** A publisher of the pool: as much of a client as it takes. */
export interface PoolMember {
  readonly serverInfo: ServerInfo | undefined;
  readonly publish: Publish;
  connect(): Promise<unknown>;
  disconnect(): Promise<void>;
  setBrokers(urls: readonly string[]): void;
  stats(): Readonly<Stats>;
}

/** What the pool has of the client it belongs to. */
export interface PoolOwner {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly stats: Stats;
  readonly state: StateFeed;
  /** A publisher, not connected; `failed` is called with each attempt that failed. */
  member(clientId: string, failed: (error: MqttError) => void): PoolMember;
  /** Publishes on the client's own connection. */
  readonly publish: Publish;
}

/**
 * Publishes over several connections. They are made with the client's first connection of a life and end with that life;
 * one that fails is only warned of, because the client's own connection stands in. Lives as long as the client.
 */
export class PublisherPool {
  readonly #options: ResolvedPublisherPool;
  readonly #owner: PoolOwner;
  #members: readonly PoolMember[] = [];
  #brokers: readonly string[] | undefined;
  #started = false;
  /** Resolves when each publisher is connected, or has failed to once. */
  #settled: Promise<unknown> = Promise.resolve();
  /** Called when a publisher's attempt failed. */
  readonly #tried: (() => void)[] = [];
  #cursor = 0;

  constructor(options: ResolvedPublisherPool, owner: PoolOwner) {
    this.#options = options;
    this.#owner = owner;
    owner.state.follow((state) => {
      if (state.status === "connected") this.#start(state.serverInfo.clientId);
      else if (state.status === "closed") void this.stopped();
    });
  }

  /** Resolves when each publisher is connected or has failed to once; rejects never, also not when its time is up. */
  async ready(options: WaitOptions, since: number): Promise<void> {
    const { clock } = this.#owner;
    await within(clock, remaining(clock, options, since), this.#settled).catch(() => {});
  }

  /** Resolves when no publisher has a connection any more. */
  async stopped(): Promise<void> {
    this.#started = false;
    await Promise.all(this.#members.map((member) => member.disconnect()));
  }

  setBrokers(urls: readonly string[]): void {
    this.#brokers = [...urls];
    for (const member of this.#members) member.setBrokers(urls);
  }

  /** Adds what the publishers did to the client's own counters. */
  addTo(stats: Stats): Stats {
    for (const member of this.#members) {
      const { publishesSent, publishesAcked, publishesReplayed, publishesInflight, sendQuota } = member.stats();
      stats.publishesSent += publishesSent;
      stats.publishesAcked += publishesAcked;
      stats.publishesReplayed += publishesReplayed;
      stats.publishesInflight += publishesInflight;
      stats.sendQuota += sendQuota;
    }
    return stats;
  }

  /** On to the next publisher only if the message certainly was not sent: it must not arrive twice. */
  publish(topic: string, payload?: Uint8Array | string, options?: PublishOptions): Promise<PublishResult> {
    const byTopic = this.#options.routing === "hash-by-topic" && typeof topic === "string";
    return this.#publish(byTopic ? fnv1a(topic) : this.#cursor++, topic, payload, options);
  }

  async #publish(
    start: number,
    topic: string,
    payload: Uint8Array | string | undefined,
    options: PublishOptions | undefined,
  ): Promise<PublishResult> {
    const { clock, stats } = this.#owner;
    const members = this.#members;
    const since = clock.now();
    let bounds = options;
    for (let tried = 0; tried < members.length; tried++) {
      const member = members[(start + tried) % members.length] as PoolMember;
      if (member.serverInfo === undefined) continue; // an error less to make
      try {
        return await member.publish(topic, payload, { ...bounds, whenOffline: "reject" });
      } catch (error) {
        if (!movesOn(error)) throw error;
        if (options?.timeout !== undefined) bounds = { ...options, ...remaining(clock, options, since) };
      }
    }
    stats.poolFallbacks++;
    return this.#owner.publish(topic, payload, bounds);
  }

  #start(parent: string): void {
    if (this.#started) return;
    this.#started = true;
    if (this.#members.length === 0) this.#members = this.#made(parent);
    this.#settled = Promise.all(
      this.#members.map(
        (member, index) =>
          new Promise<void>((resolve) => {
            this.#tried[index] = resolve;
            member.connect().then(
              () => resolve(),
              () => resolve(), // reported as an attempt
            );
          }),
      ),
    );
  }

  #made(parent: string): PoolMember[] {
    const owner = this.#owner;
    const { size, clientId } = this.#options;
    try {
      return Array.from({ length: size }, (_, index) => {
        const id = clientId(parent, index + 1);
        const member = owner.member(id, (error) => {
          owner.logger.warn?.(`The publisher ${JSON.stringify(id)} could not connect`, error);
          this.#tried[index]?.();
        });
        if (this.#brokers !== undefined) member.setBrokers(this.#brokers);
        return member;
      });
    } catch (error) {
      owner.logger.warn?.(
        "The publisher pool could not be made: all is published on the client's own connection",
        error,
      );
      return [];
    }
  }
}

/** What is the client's alone: a publisher has no Will, keeps no session, and calls nobody back. */
const NOT_INHERITED = new Set(["will", "store", "publisherPool"]);

/** The options of a publisher, from those of the client it publishes for. */
export function memberOptions(
  options: ClientOptions,
  clientId: string,
  failed: (error: MqttError) => void,
): ClientOptions {
  const inherited = Object.entries(options).filter(([name]) => !NOT_INHERITED.has(name) && !name.startsWith("on"));
  return {
    ...(Object.fromEntries(inherited) as ClientOptions),
    clientId,
    cleanStart: true,
    sessionExpiryInterval: 0,
    retryInitialConnect: true,
    onConnectError: failed,
  };
}

function movesOn(error: unknown): boolean {
  if (!(error instanceof MqttError) || error.delivery !== "not-sent") return false;
  return error.code === "NOT_CONNECTED" || error.code === "WRITE_QUEUE_FULL";
}

/** FNV-1a, 32 bits, over UTF-8: the same publisher in every program for the same topic. */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of encodeUtf8(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
