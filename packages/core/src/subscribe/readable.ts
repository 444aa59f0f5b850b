// SPDX-License-Identifier: Apache-2.0

/**
 * A web stream of what `next` gives, which is asked only when the reader wants more, so that what nobody reads stays where
 * it can be counted. It closes when `next` gives undefined and fails when that rejects; cancelling it calls `leave`.
 */
export function readableOf<T extends { ack(): void }>(
  next: () => Promise<T | undefined>,
  leave: () => void,
): ReadableStream<T> {
  let cancelled = false;
  return new ReadableStream<T>(
    {
      pull: async (controller) => {
        const value = await next();
        if (cancelled)
          value?.ack(); // it was on its way to a reader who left
        else if (value === undefined) controller.close();
        else controller.enqueue(value);
      },
      cancel: () => {
        cancelled = true;
        leave();
      },
    },
    { highWaterMark: 0 },
  );
}
