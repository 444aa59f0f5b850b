// SPDX-License-Identifier: Apache-2.0
// Makes sure that what is measured is the strict codec: the build must refuse every malformed row of the tests' byte table.
import { readFile } from "node:fs/promises";
import { decode, DecodeError, encode } from "@mqttv5/wire";
import { transform } from "esbuild";

/** The byte table is TypeScript that imports nothing but types, so that stripping them is enough to load it. */
async function loadTable() {
  const source = await readFile(new URL("../../packages/wire/test/byte-table.ts", import.meta.url), "utf8");
  const { code } = await transform(source, { loader: "ts", format: "esm", target: "es2022" });
  return import(`data:text/javascript;base64,${Buffer.from(code).toString("base64")}`);
}

/** Throws unless the codec is strict; resolves with how many rows were tried. */
export async function assertStrict() {
  const { malformed, valid } = await loadTable();
  for (const { name, bytes, reasonCode, sender } of malformed) {
    let refused;
    try {
      decode(bytes, 0, bytes.length, { sender });
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      refused = error.reasonCode;
    }
    if (refused !== reasonCode) throw new Error(`not strict: ${name}: ${refused} instead of ${reasonCode}`);
  }
  for (const { bytes } of valid) encode(decode(bytes));
  return { malformed: malformed.length, valid: valid.length };
}
