// SPDX-License-Identifier: Apache-2.0
import type { Client, WhenOffline } from "@mqttv5/core";

/** One member: its client, and whoever wants to know that its state changed. Lives as long as the group. */
export class Member {
  readonly name: string;
  readonly client: Client;
  /** What its client does without a connection, unless a call says otherwise. */
  readonly whenOffline: WhenOffline;
  readonly #followers = new Set<() => void>();
  #watching = false;

  constructor(name: string, client: Client, whenOffline: WhenOffline) {
    this.name = name;
    this.client = client;
    this.whenOffline = whenOffline;
  }

  get connected(): boolean {
    return this.client.serverInfo !== undefined;
  }

  /** It was never connected, or has ended: only another `connect` brings it up. */
  get down(): boolean {
    const { status } = this.client.state;
    return status === "idle" || status === "closed";
  }

  /** It tries to connect, and has failed to at least once. */
  get failing(): boolean {
    const { state } = this.client;
    return state.status === "waiting" || (state.status === "connecting" && state.reason !== undefined);
  }

  /** Calls `follower` after changes of the state, until the function it returns is called. */
  follow(follower: () => void): () => void {
    this.#followers.add(follower);
    void this.#watch();
    return () => this.#followers.delete(follower);
  }

  /** From the first follower on, and up to the end of the client's life. */
  async #watch(): Promise<void> {
    if (this.#watching) return;
    this.#watching = true;
    for await (const _ of this.client.states()) for (const follower of this.#followers) follower();
    this.#watching = false;
  }
}
