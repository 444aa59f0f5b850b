// SPDX-License-Identifier: Apache-2.0
import { type Clock, MqttError, type WaitOptions } from "@mqttv5/core";
import { invalid } from "./group-options.js";

/** Checks how long a call may wait. */
export function checkWait(options: WaitOptions): void {
  if (typeof options !== "object" || options === null) throw invalid("options", options, "must be an object");
  const { signal, timeout } = options;
  if (signal !== undefined && (typeof signal !== "object" || signal === null || typeof signal.aborted !== "boolean")) {
    throw invalid("signal", signal, "must be an AbortSignal");
  }
  if (timeout !== undefined && !(typeof timeout === "number" && Number.isFinite(timeout) && timeout >= 0)) {
    throw invalid("timeout", timeout, "must be a finite number of milliseconds, at least 0");
  }
}

/** The error of a call whose signal aborted. */
export function abortError(signal: AbortSignal): MqttError {
  return new MqttError("ABORTED", "The call was aborted", { cause: signal.reason });
}

/** Calls `stop` once, when the signal aborts (at once if it has) or the time is up. Returns what calls it off. */
export function deadline(clock: Clock, options: WaitOptions, stop: (error: MqttError) => void): () => void {
  const { signal, timeout } = options;
  const timer =
    timeout === undefined
      ? undefined
      : clock.schedule(timeout, () => {
          callOff();
          stop(new MqttError("TIMEOUT", `The call took longer than ${timeout} ms`));
        });
  const aborted = (): void => {
    callOff();
    if (signal !== undefined) stop(abortError(signal));
  };
  const callOff = (): void => {
    timer?.cancel();
    signal?.removeEventListener("abort", aborted);
  };
  if (signal?.aborted === true) aborted();
  else signal?.addEventListener("abort", aborted, { once: true });
  return callOff;
}

/**
 * What ends a call to several members: its signal and timeout, as one signal. They belong to the call; a member that goes on after it is
 * decided is not ended by them.
 */
export class CallBounds {
  readonly #controller = new AbortController();
  readonly #endTimer: () => void;
  readonly #endSignal: () => void;

  constructor(clock: Clock, { signal, timeout }: WaitOptions) {
    const stop = (error: MqttError): void => this.#controller.abort(error);
    this.#endTimer = deadline(clock, { timeout }, stop);
    this.#endSignal = deadline(clock, { signal }, stop);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The call was decided in time. */
  inTime(): void {
    this.#endTimer();
  }

  /** Nothing is left to be ended. */
  over(): void {
    this.#endTimer();
    this.#endSignal();
  }

  /** The error of a member, as it would be had it been given the signal and the timeout themselves. */
  static errorOf(error: unknown): unknown {
    if (!MqttError.is(error) || error.code !== "ABORTED" || !MqttError.is(error.cause)) return error;
    const { code, message, cause } = error.cause;
    return new MqttError(code, message, { cause, delivery: error.delivery });
  }
}

/** The same options, with what is left of their time. */
export function remaining<T extends WaitOptions>(clock: Clock, options: T, since: number): T {
  const { timeout } = options;
  if (typeof timeout !== "number") return options;
  return { ...options, timeout: Math.max(0, timeout - (clock.now() - since)) };
}
