// SPDX-License-Identifier: Apache-2.0

/**
 * The brokers of one client and which of them is next. Starts anywhere, so that many clients spread over them, and stays
 * where a connection succeeded until it is lost. Lives as long as the client.
 */
export class BrokerList {
  #urls: readonly URL[];
  #index: number;
  /** The broker at the index was not dialled yet. */
  #untried = true;
  /** Where the next dial goes instead, once. */
  #detour: URL | undefined;

  /** `random`: at least 0, below 1. */
  constructor(urls: readonly URL[], random: number) {
    this.#urls = urls;
    this.#index = Math.floor(random * urls.length);
  }

  /** The broker of the next dial, as things stand. */
  get upcoming(): URL {
    return this.#detour ?? (this.#urls[this.#index] as URL);
  }

  /** The broker of the dial that starts now. */
  take(): URL {
    const url = this.upcoming;
    if (this.#detour === undefined) this.#untried = false;
    this.#detour = undefined;
    return url;
  }

  /** The last dial, or the connection it led to, failed: on to the next broker. */
  advance(): void {
    if (this.#detour !== undefined || this.#untried) return;
    this.#index = (this.#index + 1) % this.#urls.length;
    this.#untried = true;
  }

  /** Another list, from its first broker on. What is dialled or connected now stays as it is. */
  replace(urls: readonly URL[]): void {
    this.#urls = urls;
    this.#index = 0;
    this.#untried = true;
    this.#detour = undefined;
  }

  /** The next dial, and only that one, goes to `url`. */
  detour(url: URL): void {
    this.#detour = url;
  }
}
