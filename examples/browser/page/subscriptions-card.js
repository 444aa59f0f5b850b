// SPDX-License-Identifier: Apache-2.0
import { element } from "./element.js";

/** The subscriptions, each with what the broker granted. */
export class SubscriptionsCard {
  #root;
  #form;
  #list;
  #messages;
  #client;

  constructor(root, messages) {
    this.#root = root;
    this.#form = root.querySelector("form");
    this.#list = root.querySelector("ul");
    this.#messages = messages;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      const { filter, qos } = this.#form.elements;
      void this.#subscribe(this.#client, filter.value, Number(qos.value));
    });
  }

  /** The client to subscribe with; undefined if there is none. */
  use(client) {
    this.#client = client;
    this.#form.querySelector("fieldset").disabled = client === undefined;
  }

  async #subscribe(client, filter, qos) {
    this.#complain(undefined);
    const stop = new AbortController();
    const state = element("span", { className: "tag" }, ["waits for the broker"]);
    const button = element("button", { type: "button", className: "quiet" }, ["Remove"]);
    button.setAttribute("aria-label", `Unsubscribe from ${filter}`);
    button.addEventListener("click", () => stop.abort());
    const item = element("li", {}, [element("code", {}, [filter]), state, button]);
    this.#list.append(item);
    this.#tidy();
    try {
      await client.connected({ signal: stop.signal }); // so that there is an answer to show
      // Aborting also ends a subscription that was made.
      const subscription = await client.subscribe(filter, { qos, signal: stop.signal });
      state.textContent = `QoS ${subscription.granted[0].reasonCode} granted`;
      state.classList.add("good");
      for await (const message of subscription) {
        this.#messages.add(message, filter);
        message.ack();
      }
    } catch (error) {
      if (!stop.signal.aborted && error.code !== "CLOSED")
        this.#complain(`${filter}: ${error.message} (${error.code})`);
    } finally {
      item.remove();
      this.#tidy();
    }
  }

  #complain(text) {
    const error = this.#root.querySelector(".error");
    error.hidden = text === undefined;
    error.textContent = text ?? "";
  }

  #tidy() {
    this.#root.querySelector(".empty").hidden = this.#list.childElementCount > 0;
  }
}
