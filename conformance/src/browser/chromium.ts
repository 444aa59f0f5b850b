// SPDX-License-Identifier: Apache-2.0
import { existsSync } from "node:fs";
import { type Browser, chromium, type LaunchOptions } from "playwright-core";

interface Finding {
  readonly CHROMIUM_ABSENT: string;
  findChromium(): string | undefined;
  launchOptions(executablePath: string): LaunchOptions;
}

/** A module of `examples/browser`, which is plain JavaScript. */
export function example<T>(file: string): Promise<T> {
  return import(fromRoot(`examples/browser/${file}`).href) as Promise<T>;
}

const { CHROMIUM_ABSENT, findChromium, launchOptions } = await example<Finding>("chromium.mjs");
const program = findChromium();
const built = ["core", "transport-ws"].every((name) => existsSync(fromRoot(`packages/${name}/dist/index.js`)));

/** Why nothing can be tried in a Chromium here; undefined if it can. */
export const chromiumAbsent: string | undefined = reasonNot();

function reasonNot(): string | undefined {
  if (!built) return "the packages are not built: npm run build";
  return program === undefined ? CHROMIUM_ABSENT : undefined;
}

/** Starts the Chromium of this machine, without a window. */
export function startChromium(): Promise<Browser> {
  if (program === undefined) throw new Error(CHROMIUM_ABSENT);
  return chromium.launch(launchOptions(program));
}

/** What is skipped says why. */
export function unlessAbsent(title: string, reason: string | undefined): string {
  return reason === undefined ? title : `${title} (skipped: ${reason})`;
}

function fromRoot(path: string): URL {
  return new URL(`../../../${path}`, import.meta.url);
}
