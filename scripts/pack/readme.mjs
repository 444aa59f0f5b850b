// SPDX-License-Identifier: Apache-2.0
// The programs of a README, and what they say of themselves.

/** Every block of JavaScript or TypeScript that is a program by itself, in order. */
export function programsOf(markdown) {
  return [...markdown.matchAll(/^```(js|ts)\n(.*?)^```$/gms)]
    .map(([, language, text]) => ({ language, text }))
    .filter(({ text }) => text.startsWith("import"));
}

/** The first program in this language. */
export function firstIn(language, programs) {
  return programs.find((program) => program.language === language);
}

/** The packages that a program imports. */
export function importsOf(text) {
  const specifiers = [...text.matchAll(/^import [^;]*?from "([^".][^"]*)"/gms)].map(([, specifier]) => specifier);
  return new Set(
    specifiers
      .filter((specifier) => !specifier.startsWith("node:"))
      .map((specifier) => /^(@[^/]+\/)?[^/]+/.exec(specifier)[0]),
  );
}

/** The lines that a program says it prints: behind a console.log, up to the first comma; or a list behind `prints:`. */
export function promisedBy(text) {
  return [...text.matchAll(/^ *console\.log\(.*\/\/ (.*)$/gm)].flatMap(([, comment]) => {
    if (!comment.startsWith("prints: ")) return [comment.split(",")[0].trim()];
    const list = comment.slice("prints: ".length);
    return list.startsWith("{") ? [list] : list.split(", ");
  });
}

/** What is wrong with what a program printed: that it kept silent, or that a line is missing which it promised. */
export function complaint(text, output) {
  const lines = new Set(output.split(/\r?\n/).map((line) => line.trim()));
  const missing = promisedBy(text).filter((line) => !lines.has(line));
  if (missing.length > 0) return `it did not print ${missing.join(", nor ")}, but:\n${output}`;
  return output.trim() === "" ? "it printed nothing" : undefined;
}

/** A broker on this machine, by its usual port. */
const LOCAL = /\b(mqtt|ws):\/\/localhost(:\d+)?/g;

/** The brokers that a program wants. */
export function brokersOf(text) {
  return new Set([...text.matchAll(LOCAL)].map(([url]) => url));
}

/** The program with others in their place. */
export function withBrokers(text, brokers) {
  return text.replace(LOCAL, (url) => brokers.get(url) ?? url);
}
