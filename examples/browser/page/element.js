// SPDX-License-Identifier: Apache-2.0

/** An element with properties and children. Texts become text, whatever is in them: nothing that a broker sends is ever read as HTML. */
export function element(tag, properties = {}, children = []) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children.flatMap((child, index) => (index === 0 ? [child] : [" ", child])));
  return made;
}

/** Now, as a `time` element. */
export function timeOfDay() {
  const now = new Date();
  return element("time", { dateTime: now.toISOString() }, [now.toLocaleTimeString([], { hour12: false })]);
}
