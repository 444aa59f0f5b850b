// SPDX-License-Identifier: Apache-2.0
import { type Delivery, MqttError } from "./errors.js";

/** The error of a call whose signal aborted: `name` is `AbortError`, `cause` the signal's reason. */
export function abortError(signal: AbortSignal, delivery?: Delivery): MqttError {
  return new MqttError("ABORTED", "The call was aborted", { cause: signal.reason, delivery });
}

/**
 * Calls `aborted` once when the signal aborts, at once if it already has. Returns what takes the listener away again:
 * a signal may outlive a million calls.
 */
export function onAbort(signal: AbortSignal, aborted: (error: MqttError) => void): () => void {
  if (signal.aborted) {
    aborted(abortError(signal));
    return () => {};
  }
  const listener = (): void => aborted(abortError(signal));
  signal.addEventListener("abort", listener, { once: true });
  return () => signal.removeEventListener("abort", listener);
}

/** What `promise` comes to, or the error of the abort if that comes first. */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const unlink = onAbort(signal, reject);
    promise.then(resolve, reject).finally(unlink);
  });
}
