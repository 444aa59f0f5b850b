// SPDX-License-Identifier: Apache-2.0
// The two platform types that the public interfaces mention, and what makes one of them. The main entry is compiled without the types of any platform.

interface URL {
  readonly href: string;
}

interface AbortSignal {
  readonly aborted: boolean;
  readonly reason: unknown;
  throwIfAborted(): void;
}

declare const AbortController: { new (): { readonly signal: AbortSignal; abort(reason?: unknown): void } };
