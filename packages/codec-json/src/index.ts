// SPDX-License-Identifier: Apache-2.0
export { JsonCodecError, type JsonIssue } from "./error.js";
export { type JsonOptions, json } from "./json.js";
export type { JsonLimits } from "./parse.js";
export type {
  SchemaOutput,
  StandardIssue,
  StandardResult,
  StandardSchema,
  StandardSchemaProps,
} from "./standard-schema.js";
