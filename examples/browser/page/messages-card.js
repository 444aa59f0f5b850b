// SPDX-License-Identifier: Apache-2.0
import { element, timeOfDay } from "./element.js";

/** Messages on the page; older ones leave it. */
const SHOWN = 100;
/** Characters of a payload, or bytes of one that is no text. */
const LONGEST_TEXT = 2_000;
const LONGEST_BYTES = 64;

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** What has arrived, the newest first. */
export class MessagesCard {
  #root;
  #list;
  #count = 0;
  /** Rows that wait for the next frame, of which a browser makes none for a page that nobody sees. */
  #rows = [];

  constructor(root) {
    this.#root = root;
    this.#list = root.querySelector("ol");
    root.querySelector("button").addEventListener("click", () => this.#clear());
    this.#draw();
  }

  /** However fast they come, the page is drawn once a frame. */
  add(message, filter) {
    this.#count++;
    if (this.#rows.length === 0) requestAnimationFrame(() => this.#draw());
    this.#rows.push(row(message, filter));
    if (this.#rows.length > SHOWN) this.#rows.shift();
  }

  #draw() {
    this.#list.prepend(...this.#rows.toReversed());
    this.#rows = [];
    while (this.#list.childElementCount > SHOWN) this.#list.lastElementChild.remove();
    this.#root.querySelector(".count").textContent = `${this.#count}`;
    this.#root.querySelector("button").disabled = this.#count === 0;
    this.#root.querySelector(".empty").hidden = this.#count > 0;
  }

  #clear() {
    this.#count = 0;
    this.#rows = [];
    this.#list.replaceChildren();
    this.#draw();
  }
}

function row({ topic, payload, qos, retain, duplicate, properties }, filter) {
  const tags = [
    `QoS ${qos}`,
    ...(retain ? ["retained"] : []),
    ...(duplicate ? ["sent again"] : []),
    ...(properties.contentType === undefined ? [] : [properties.contentType]),
  ];
  const what = element("div", {}, [
    element("b", { className: "topic" }, [topic]),
    ...tags.map((tag) => element("span", { className: "tag" }, [tag])),
    ...(filter === topic ? [] : [element("span", { className: "by" }, [`by ${filter}`])]),
  ]);
  const head = element("div", { className: "head" }, [what, timeOfDay()]);
  return element("li", {}, [head, shown(payload)]);
}

/** Text if it is text, else the bytes. */
function shown(payload) {
  if (payload.length === 0) return element("p", { className: "payload none" }, ["no payload"]);
  try {
    const text = utf8.decode(payload);
    const rest = text.length > LONGEST_TEXT ? ` … ${text.length - LONGEST_TEXT} characters more` : "";
    return element("pre", { className: "payload" }, [text.slice(0, LONGEST_TEXT) + rest]);
  } catch {
    const hex = Array.from(payload.subarray(0, LONGEST_BYTES), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const rest = payload.length > LONGEST_BYTES ? " …" : "";
    return element("pre", { className: "payload" }, [`${payload.length} bytes: ${hex}${rest}`]);
  }
}
