// SPDX-License-Identifier: Apache-2.0
import type { MqttError } from "./errors.js";
import { LazySet } from "./lazy-set.js";
import { Ring } from "./ring.js";
import type { ServerInfo } from "./server-info.js";

/**
 * Where a client stands, as one readable value. `attempt` counts from 1, and from 1 again with a connection that outlived the
 * delay before it; `lastServerInfo` is what the last good CONNACK since `connect` granted, undefined before there was one.
 */
export type ClientState =
  /** Made, and never connected. */
  | { readonly status: "idle" }
  /** Asking for credentials, dialling `broker`, or waiting for its CONNACK. */
  | {
      readonly status: "connecting";
      readonly attempt: number;
      readonly broker: string;
      /** Why the attempt or connection before this one ended; undefined for the first. */
      readonly reason: MqttError | undefined;
      readonly lastServerInfo: ServerInfo | undefined;
    }
  /** `serverInfo` is what CONNACK granted: the limits that hold now. */
  | { readonly status: "connected"; readonly broker: string; readonly serverInfo: ServerInfo }
  /** Attempt number `attempt`, or its connection, is over; the next one starts at `retryAt`, in milliseconds since 1970. */
  | {
      readonly status: "waiting";
      readonly attempt: number;
      /** Why: a `ReasonCodeError` if the broker refused or disconnected. */
      readonly reason: MqttError;
      readonly retryAt: number;
      readonly lastServerInfo: ServerInfo | undefined;
    }
  /** Disconnected by the application, or, with a cause, failed. */
  | { readonly status: "closed"; readonly cause?: MqttError | undefined };

/** A reader that falls this far behind loses the oldest changes; nobody cares for all of them. */
const LONGEST_BACKLOG = 256;

/** The state of one client and whoever follows it. Lives as long as the client. */
export class StateFeed {
  #current: ClientState = { status: "idle" };
  #ended = false;
  readonly #followers = new LazySet<(state: ClientState) => void>();

  get current(): ClientState {
    return this.#current;
  }

  set(state: ClientState): void {
    this.#current = state;
    for (const follower of this.#followers) follower(state);
  }

  /** Calls `follower` at every change, until the function it returns is called. */
  follow(follower: (state: ClientState) => void): () => void {
    this.#followers.add(follower);
    return () => this.#followers.delete(follower);
  }

  /** There will be no other state. */
  end(): void {
    this.#ended = true;
  }

  /** Every change from now on, up to and including `closed`. */
  changes(): AsyncIterableIterator<ClientState, undefined> {
    const backlog = new Ring<ClientState>();
    const waiting = new Ring<(result: IteratorResult<ClientState, undefined>) => void>();
    let done = this.#ended;
    const finish = (): void => {
      done = true;
      unfollow();
      for (let wake = waiting.shift(); wake !== undefined; wake = waiting.shift()) wake(DONE);
    };
    const unfollow = this.follow((state) => {
      const wake = waiting.shift();
      if (wake !== undefined) {
        wake({ done: false, value: state });
      } else {
        if (backlog.size === LONGEST_BACKLOG) backlog.shift();
        backlog.push(state);
      }
      if (state.status === "closed") finish();
    });
    if (done) unfollow();
    return {
      [Symbol.asyncIterator]() {
        return this;
      },
      next: () => {
        const state = backlog.shift();
        if (state !== undefined) return Promise.resolve({ done: false, value: state });
        return done ? Promise.resolve(DONE) : new Promise((resolve) => waiting.push(resolve));
      },
      return: () => {
        backlog.clear();
        finish();
        return Promise.resolve(DONE);
      },
    };
  }
}

const DONE = { done: true, value: undefined } as const;
