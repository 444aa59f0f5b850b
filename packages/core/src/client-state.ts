// SPDX-License-Identifier: Apache-2.0
import type { MqttError } from "./errors.js";
import { Ring } from "./ring.js";
import type { ServerInfo } from "./server-info.js";

/** Where a client stands, as one readable value. */
export type ClientState =
  /** Made, and never connected. */
  | { readonly status: "idle" }
  /** Dialling `broker`, or waiting for its CONNACK; `attempt` counts from 1 since the last stable connection. */
  | { readonly status: "connecting"; readonly attempt: number; readonly broker: string }
  | { readonly status: "connected"; readonly broker: string; readonly serverInfo: ServerInfo }
  /** The next attempt starts at `retryAt`, in milliseconds since 1970. */
  | { readonly status: "waiting"; readonly attempt: number; readonly reason: MqttError; readonly retryAt: number }
  /** Disconnected by the application, or, with a cause, failed. */
  | { readonly status: "closed"; readonly cause?: MqttError | undefined };

/** A reader that falls this far behind loses the oldest changes; nobody cares for all of them. */
const LONGEST_BACKLOG = 256;

/** The state of one client and whoever follows it. Lives as long as the client. */
export class StateFeed {
  #current: ClientState = { status: "idle" };
  readonly #followers = new Set<(state: ClientState) => void>();

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

  /** Every change from now on, up to and including `closed`. */
  changes(): AsyncIterableIterator<ClientState, undefined> {
    const backlog = new Ring<ClientState>();
    let wake: ((result: IteratorResult<ClientState, undefined>) => void) | undefined;
    let done = false;
    const finish = (): void => {
      done = true;
      unfollow();
    };
    const unfollow = this.follow((state) => {
      if (state.status === "closed") finish();
      if (wake === undefined) {
        if (backlog.size === LONGEST_BACKLOG) backlog.shift();
        backlog.push(state);
        return;
      }
      wake({ done: false, value: state });
      wake = undefined;
    });
    return {
      [Symbol.asyncIterator]() {
        return this;
      },
      next: () => {
        const state = backlog.shift();
        if (state !== undefined) return Promise.resolve({ done: false, value: state });
        if (done) return Promise.resolve({ done: true, value: undefined });
        return new Promise((resolve) => {
          wake = resolve;
        });
      },
      return: () => {
        finish();
        wake?.({ done: true, value: undefined });
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }
}
