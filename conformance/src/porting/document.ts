// SPDX-License-Identifier: Apache-2.0
// The tables of docs/porting.md, as rows of what the reference calls it and what we call it.

/** One row of a table whose first column is the reference's. */
export interface PortingRow {
  readonly line: number;
  /** The heading of the column that follows: `ours`, `ours: client option`, `planned`, `being built`. */
  readonly kind: string;
  /** The first cell as it stands, without backticks. */
  readonly title: string;
  /** The names in backticks of the first column. */
  readonly theirs: readonly string[];
  /** What stands in backticks in the second column. */
  readonly ours: readonly string[];
}

/** Reads every table whose first heading starts with `reference`. */
export function portingRows(markdown: string): PortingRow[] {
  const rows: PortingRow[] = [];
  let header: readonly string[] | undefined;
  for (const [index, text] of markdown.split("\n").entries()) {
    if (!text.startsWith("|")) {
      header = undefined;
      continue;
    }
    const cells = cellsOf(text);
    if (header === undefined) {
      header = cells;
      rows.push(...describedBy(cells, index + 1));
      continue;
    }
    if (/^[\s|:-]+$/.test(text) || header[0]?.startsWith("reference") !== true) continue;
    if (cells.length !== header.length) throw new Error(`line ${index + 1} has ${cells.length} cells`);
    const [theirs = "", ours = ""] = cells;
    rows.push({
      line: index + 1,
      kind: header[1] ?? "",
      title: theirs.replaceAll("`", ""),
      theirs: quoted(theirs),
      ours: quoted(ours),
    });
  }
  return rows;
}

/** The heading "reference `Type`" names a type of theirs. */
function describedBy([first = ""]: readonly string[], line: number): PortingRow[] {
  const theirs = quoted(first);
  return first.startsWith("reference ") ? [{ line, kind: "", title: first, theirs, ours: [] }] : [];
}

function cellsOf(text: string): string[] {
  return text
    .replace(/^\||\|\s*$/g, "")
    .split("|")
    .map((cell) => cell.trim());
}

function quoted(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, inner = ""]) => inner);
}
