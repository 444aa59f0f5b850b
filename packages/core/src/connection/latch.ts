// SPDX-License-Identifier: Apache-2.0

/** One promise for all who wait for the same thing to happen, and a new one after it has. Ends with its owner. */
export class Latch {
  #waiting: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;

  /** Resolves when it happens next. */
  wait(): Promise<void> {
    if (this.#waiting === undefined) {
      let resolve!: () => void;
      const promise = new Promise<void>((done) => {
        resolve = done;
      });
      this.#waiting = { promise, resolve };
    }
    return this.#waiting.promise;
  }

  /** It has happened. */
  release(): void {
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }
}
