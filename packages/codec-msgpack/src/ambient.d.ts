// SPDX-License-Identifier: Apache-2.0
// What this package takes from the platform; every runtime it supports has it. Not part of the published types.

declare class TextDecoder {
  constructor(label: "utf-8", options: { fatal: boolean });
  decode(bytes: Uint8Array): string;
}
