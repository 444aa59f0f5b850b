// SPDX-License-Identifier: Apache-2.0
import { EncodeError, encodeUtf8, isWellFormed, type QoS, topicNameProblem } from "@mqttv5/wire";
import { InvalidArgumentError } from "./errors.js";

/** Checks of what callers pass: each returns the value it was given, or throws an error that names the field. */

export function invalid(field: string, value: unknown, limit: string): InvalidArgumentError {
  return new InvalidArgumentError("INVALID_FIELD", field, value, limit);
}

export function integer(field: string, value: unknown, low: number, high: number): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < low || value > high) {
    throw invalid(field, value, `must be an integer from ${low} to ${high}`);
  }
  return value;
}

/** A bound on bytes or items: a positive integer, or Infinity for none. */
export function bound(field: string, value: unknown): number {
  return value === Infinity ? value : integer(field, value, 1, Number.MAX_SAFE_INTEGER);
}

export function duration(field: string, value: unknown): number {
  if (typeof value !== "number" || !Number.isFinite(value) || value < 0) {
    throw invalid(field, value, "must be a finite number of milliseconds, at least 0");
  }
  return value;
}

/** A time limit, which 0 would make impossible to keep. */
export function timeLimit(field: string, value: unknown): number {
  const limit = duration(field, value);
  if (limit === 0) throw invalid(field, value, "must be more than 0 milliseconds");
  return limit;
}

/** An object with these methods, if there is one. */
export function having<T extends object>(
  field: string,
  value: T | undefined,
  ...methods: (keyof T & string)[]
): T | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== "object" || value === null || methods.some((method) => typeof value[method] !== "function")) {
    throw invalid(field, value, methods.length === 0 ? "must be an object" : `must have ${methods.join(", ")}`);
  }
  return value;
}

/** What a caller gave to stop waiting with. */
export function signalOf(options: { readonly signal?: AbortSignal | undefined }): AbortSignal | undefined {
  const { signal } = options;
  if (signal === undefined) return undefined;
  // By its shape: a signal may come of another realm, or of a polyfill.
  having("signal", signal, "addEventListener", "removeEventListener");
  if (typeof signal.aborted !== "boolean") throw invalid("signal", signal, "must be an AbortSignal");
  return signal;
}

/** How long a call may wait, checked. */
export function waiting<T extends { readonly signal?: AbortSignal | undefined; readonly timeout?: number | undefined }>(
  options: T,
): T {
  if (typeof options !== "object" || options === null) throw invalid("options", options, "must be an object");
  signalOf(options);
  if (options.timeout !== undefined) duration("timeout", options.timeout);
  return options;
}

export function flag(field: string, value: unknown): boolean | undefined {
  if (value !== undefined && typeof value !== "boolean") throw invalid(field, value, "must be true or false");
  return value;
}

export function asText(field: string, value: unknown): string {
  if (typeof value !== "string") throw invalid(field, value, "must be a string");
  return value;
}

export function topicName(field: string, value: unknown): string {
  const problem = topicNameProblem(asText(field, value));
  if (problem !== undefined) throw new InvalidArgumentError("INVALID_TOPIC", field, value, problem);
  return value as string;
}

/** A payload or password: bytes as they are, a string as UTF-8. */
export function asBytes(field: string, value: unknown): Uint8Array {
  if (typeof value === "string") {
    if (!isWellFormed(value)) throw invalid(field, value, "must be well-formed text, without lone surrogates");
    return encodeUtf8(value);
  }
  if (!(value instanceof Uint8Array)) throw invalid(field, value, "must be a Uint8Array or a string");
  return value;
}

/** The same for what must not end up in a log: an error does not show the value. */
export function secret(field: string, value: unknown): Uint8Array {
  try {
    return asBytes(field, value);
  } catch (error) {
    throw error instanceof InvalidArgumentError ? invalid(field, HIDDEN, error.limit) : error;
  }
}

const HIDDEN = "(hidden)";

export function qos(field: string, value: unknown): QoS {
  if (value !== 0 && value !== 1 && value !== 2) {
    throw new InvalidArgumentError("INVALID_QOS", field, value, "must be 0, 1 or 2");
  }
  return value;
}

export function callable<F extends (...args: never[]) => unknown>(field: string, value: F | undefined): F | undefined {
  if (value !== undefined && typeof value !== "function") throw invalid(field, value, "must be a function");
  return value;
}

export function oneOf<T extends string>(field: string, value: unknown, choices: readonly T[]): T {
  if (!choices.includes(value as T)) throw invalid(field, value, `must be one of ${choices.join(", ")}`);
  return value as T;
}

/** The codec's refusal to encode, as an error of this package; anything else passes unchanged. */
export function fromEncodeError(error: unknown): unknown {
  if (!(error instanceof EncodeError)) return error;
  const limit = error.limit === undefined ? error.message : String(error.limit);
  return new InvalidArgumentError(error.code, error.field, error.value, limit, error);
}

/** What is left out is left out; `null` says nothing clear. */
export function noNull(prefix: string, options: object): void {
  for (const [field, value] of Object.entries(options)) {
    if (value === null) throw invalid(`${prefix}${field}`, null, "must not be null: leave it out");
  }
}
