// SPDX-License-Identifier: Apache-2.0

/** Milliseconds that anything on the loopback may take. Reached only when a test fails. */
export const PATIENCE = 8_000;

/** The promise, or an error that says what did not come in time. */
export async function within<T>(what: string, promise: Promise<T>, limit: number = PATIENCE): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${limit} ms`)), limit);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
