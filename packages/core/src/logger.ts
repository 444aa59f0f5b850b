// SPDX-License-Identifier: Apache-2.0

/**
 * Where diagnostics go; `console` fits. Never called per message. `info`: connected, disconnected; `warn`: recovered
 * from; `error`: the broker broke the protocol, a handler threw.
 */
export interface Logger {
  /** Not used today. */
  readonly debug?: ((message: string, details?: unknown) => void) | undefined;
  /** Connected, disconnected, closed. */
  readonly info?: ((message: string, details?: unknown) => void) | undefined;
  /** Something went wrong and was recovered from; an operator may want to know. */
  readonly warn?: ((message: string, details?: unknown) => void) | undefined;
  /** The broker broke the protocol, the store failed, or a function of the application threw. */
  readonly error?: ((message: string, details?: unknown) => void) | undefined;
}

/** The same logger, which never throws: diagnostics must not change what happens. */
export function quiet(logger: Logger | undefined): Logger {
  if (logger === undefined) return SILENT;
  const guard = (level: keyof Logger) => (message: string, details?: unknown) => {
    try {
      logger[level]?.(message, details);
    } catch {
      // Nobody is left to tell.
    }
  };
  return { debug: guard("debug"), info: guard("info"), warn: guard("warn"), error: guard("error") };
}

const SILENT: Logger = {};
