// SPDX-License-Identifier: Apache-2.0
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

export const CHROMIUM_ABSENT = "no Chromium is installed; CHROMIUM_PATH may say where one is";

/** The Chromium of this machine: that of CHROMIUM_PATH, or one in the usual places; undefined if there is none. */
export function findChromium() {
  const said = process.env.CHROMIUM_PATH;
  if (said) return existsSync(said) ? said : undefined;
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/bin"].filter((folder) => folder !== "");
  const names = ["chromium", "chromium-browser", "google-chrome"];
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(existsSync);
}

/** How to start it: without its sandbox where there is none for root. */
export function launchOptions(executablePath) {
  return { executablePath, args: ["--no-sandbox"] };
}
