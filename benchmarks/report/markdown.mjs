// SPDX-License-Identifier: Apache-2.0

const cell = (text) => text.replaceAll("|", "\\|");
const line = (cells) => `| ${cells.map(cell).join(" | ")} |`;

/** A Markdown table; all columns but the first are numbers unless `text` says how many are not. */
export function markdown(headings, lines, text = 1) {
  const rule = headings.map((_, index) => (index < text ? "---" : "---:"));
  return [line(headings), `| ${rule.join(" | ")} |`, ...lines.map(line)].join("\n");
}
