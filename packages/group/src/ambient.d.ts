// SPDX-License-Identifier: Apache-2.0
// What this package takes from the platform; every runtime it supports has it. Not part of the published types.

declare class TextEncoder {
  encode(text: string): Uint8Array<ArrayBuffer>;
}

interface AbortSignal {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: "abort", listener: () => void, options?: { once?: boolean }): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

interface AbortController {
  readonly signal: AbortSignal;
  abort(reason?: unknown): void;
}

declare const AbortController: { new (): AbortController };

/** Named in core's declarations only. */
interface ReadableStream<R> {
  cancel(reason?: R): Promise<void>;
}

interface URL {
  readonly href: string;
}
