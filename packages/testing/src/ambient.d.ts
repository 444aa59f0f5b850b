// SPDX-License-Identifier: Apache-2.0
// The two platform types that the public interfaces mention. The main entry is compiled without the types of any platform.

interface URL {
  readonly href: string;
}

interface AbortSignal {
  readonly aborted: boolean;
  readonly reason: unknown;
  throwIfAborted(): void;
}
