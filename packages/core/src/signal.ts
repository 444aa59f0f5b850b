// SPDX-License-Identifier: Apache-2.0
import type { Clock } from "./clock.js";
import { type Delivery, MqttError } from "./errors.js";

/** How long a call may wait. Whatever ends first ends the call; it undoes nothing that the broker was told. */
export interface WaitOptions {
  /** Aborting rejects the call with `ABORTED`. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds from the call on; after them it rejects with `TIMEOUT`. Default: no limit. */
  readonly timeout?: number | undefined;
}

/** Makes the error of a call that stopped waiting, once it is known what became of its message. */
export type Stopped = (delivery?: Delivery) => MqttError;

/** The error of a call whose signal aborted: `name` is `AbortError`, `cause` the signal's reason. */
export function abortError(signal: AbortSignal, delivery?: Delivery): MqttError {
  return new MqttError("ABORTED", "The call was aborted", { cause: signal.reason, delivery });
}

/**
 * The error of a call that stopped waiting for a Packet Identifier while all 65,535 were in use; `stopped` is what it would be
 * otherwise, whose name it keeps. Its cause is the signal's reason, or the `TIMEOUT`.
 */
export function identifiersExhausted(stopped: MqttError): MqttError {
  const cause = stopped.code === "ABORTED" ? stopped.cause : stopped;
  const text = `${stopped.message} while every Packet Identifier was in use`;
  const error = new MqttError("PACKET_IDS_EXHAUSTED", text, { cause, delivery: stopped.delivery });
  error.name = stopped.name;
  return error;
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

/** What `promise` comes to, or the signal's own reason if that comes first. A rejection that comes later is nobody's. */
export function unlessAborted<T>(promise: PromiseLike<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const unlink = onAbort(signal, () => reject(signal.reason));
    promise.then(
      (value) => {
        unlink();
        resolve(value);
      },
      (error: unknown) => {
        unlink();
        reject(error);
      },
    );
  });
}

/**
 * Calls `stop` once, when the signal aborts (at once if it already has) or when the time is up. Returns what calls it off:
 * neither a timer nor a listener may outlive the call it bounds.
 */
export function deadline(clock: Clock, options: WaitOptions, stop: (stopped: Stopped) => void): () => void {
  const { signal, timeout } = options;
  if (signal?.aborted === true) {
    stop((delivery) => abortError(signal, delivery));
    return () => {};
  }
  const timer =
    timeout === undefined
      ? undefined
      : clock.schedule(timeout, () => {
          callOff();
          stop((delivery) => new MqttError("TIMEOUT", `The call took longer than ${timeout} ms`, { delivery }));
        });
  const unlink =
    signal === undefined
      ? undefined
      : onAbort(signal, () => {
          callOff();
          stop((delivery) => abortError(signal, delivery));
        });
  const callOff = (): void => {
    timer?.cancel();
    unlink?.();
  };
  return callOff;
}

/** Whether a call may have to stop waiting. Without it no call pays for a deadline. */
export function bounded(options: WaitOptions): boolean {
  return options.signal !== undefined || options.timeout !== undefined;
}

/** What `promise` comes to, or the error of the deadline, with what is known of the `delivery`, if that comes first. */
export function within<T>(
  clock: Clock,
  options: WaitOptions,
  promise: Promise<T>,
  delivery?: Delivery | ((stopped: Stopped) => MqttError),
): Promise<T> {
  if (!bounded(options)) return promise;
  return new Promise((resolve, reject) => {
    const callOff = deadline(clock, options, (stopped) =>
      reject(typeof delivery === "function" ? delivery(stopped) : stopped(delivery)),
    );
    promise.then(
      (value) => {
        callOff();
        resolve(value);
      },
      (error: unknown) => {
        callOff();
        reject(error);
      },
    );
  });
}

/** The same bounds, less the time that has passed since `since`. */
export function remaining(clock: Clock, options: WaitOptions, since: number): WaitOptions {
  const { signal, timeout } = options;
  if (timeout === undefined) return options;
  return { signal, timeout: Math.max(0, timeout - (clock.now() - since)) };
}
