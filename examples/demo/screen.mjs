// SPDX-License-Identifier: Apache-2.0
// What the demo prints. Colours only on a terminal that has them: NO_COLOR, FORCE_COLOR and TERM are respected, in this order.

const { NO_COLOR = "", FORCE_COLOR = "0" } = process.env;
const coloured = NO_COLOR === "" && (process.stdout.isTTY ? process.stdout.hasColors() : FORCE_COLOR !== "0");

function paint(code) {
  return (text) => (coloured ? `\u001b[${code}m${text}\u001b[0m` : String(text));
}

export const bold = paint(1);
export const dim = paint(2);
export const red = paint(31);
export const green = paint(32);
export const yellow = paint(33);

const speakers = { broker: paint(35), device: paint(36), dashboard: paint(34) };

let chapters = 0;

/** The headline of the next part of the story, and what it is about. */
export function chapter(title, explanation) {
  chapters++;
  console.log(`\n${bold(`${chapters}. ${title}`)}`);
  if (explanation !== undefined) console.log(`   ${dim(explanation)}`);
}

/** One thing that one of the three did. */
export function says(who, text) {
  console.log(`   ${speakers[who](who.padEnd(9))}  ${text}`);
}

/** Rows of a name and one number a column. */
export function table(columns, rows) {
  const width = Math.max(...rows.map(([name]) => name.length));
  const header = columns.map((name) => name.padStart(10)).join("");
  console.log(`   ${"".padEnd(width)}${dim(header)}`);
  for (const [name, ...cells] of rows) {
    console.log(`   ${name.padEnd(width)}${cells.map((cell) => String(cell).padStart(10)).join("")}`);
  }
}
