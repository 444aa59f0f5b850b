// SPDX-License-Identifier: Apache-2.0
import { element, timeOfDay } from "./element.js";

/** Publishes on the page; older ones that have settled leave it. */
const SHOWN = 20;

/** What was published, and what became of each: the page waits for nothing, the client does. */
export class PublishCard {
  #root;
  #form;
  #list;
  #client;
  #connected = false;
  /** Where it is said what becomes of a publish, for those that nothing is known of yet. */
  #pending = new Set();

  constructor(root) {
    this.#root = root;
    this.#form = root.querySelector("form");
    this.#list = root.querySelector("ol");
    const { payload } = this.#form.elements;
    payload.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.ctrlKey) this.#form.requestSubmit();
    });
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      const { topic, qos, retain } = this.#form.elements;
      void this.#publish(topic.value, payload.value, { qos: Number(qos.value), retain: retain.checked });
    });
  }

  /** The client to publish with; undefined if there is none. */
  use(client) {
    this.#client = client;
    this.#form.querySelector("fieldset").disabled = client === undefined;
  }

  show({ status }) {
    this.#connected = status === "connected";
    for (const state of this.#pending) this.#wait(state);
    this.#tidy();
  }

  async #publish(topic, payload, options) {
    const state = element("span", { className: "tag" });
    this.#pending.add(state);
    this.#list.prepend(
      element("li", {}, [
        timeOfDay(),
        element("b", { className: "topic" }, [topic]),
        element("span", { className: "short" }, [payload]),
        state,
      ]),
    );
    this.#wait(state);
    this.#tidy();
    try {
      // With a payload that says that it is text: whoever receives it may be no page.
      const { reasonCode } = await this.#client.publish(topic, payload, { ...options, payloadFormatIndicator: 1 });
      this.#settle(state, "good", settled(options.qos, reasonCode));
    } catch (error) {
      // `not-sent` is a guarantee: it may be published again.
      this.#settle(state, "bad", `${error.code}, ${error.delivery ?? "not-sent"}`);
      state.title = error.message;
    }
    this.#tidy();
  }

  #wait(state) {
    state.textContent = this.#connected ? "on its way" : "waits for a connection";
    state.classList.toggle("waits", !this.#connected);
  }

  #settle(state, how, text) {
    this.#pending.delete(state);
    state.classList.remove("waits");
    state.classList.add(how);
    state.textContent = text;
  }

  #tidy() {
    const count = this.#root.querySelector(".count");
    const waiting = this.#connected ? 0 : this.#pending.size;
    count.hidden = waiting === 0;
    count.textContent = waiting === 0 ? "" : `${waiting} waiting`;
    for (const row of [...this.#list.children].slice(SHOWN)) {
      if (!this.#pending.has(row.querySelector(".tag"))) row.remove();
    }
  }
}

/** QoS 0 has no answer; 0x10 says that nobody has subscribed (section 3.4.2.1). */
function settled(qos, reasonCode) {
  if (qos === 0) return "sent";
  return reasonCode === 0x10 ? "acknowledged, nobody listens" : "acknowledged";
}
