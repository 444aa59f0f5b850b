// SPDX-License-Identifier: Apache-2.0

/**
 * Where diagnostics go; `console` fits. Never called per message. `info`: connected, disconnected; `warn`: recovered
 * from; `error`: the broker broke the protocol, a handler threw.
 */
export interface Logger {
  readonly debug?: ((message: string, details?: unknown) => void) | undefined;
  readonly info?: ((message: string, details?: unknown) => void) | undefined;
  readonly warn?: ((message: string, details?: unknown) => void) | undefined;
  readonly error?: ((message: string, details?: unknown) => void) | undefined;
}
