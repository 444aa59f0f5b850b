// SPDX-License-Identifier: Apache-2.0
import { element, timeOfDay } from "./element.js";

/** Lines of the history. */
const KEPT = 30;
/** Milliseconds between two looks at the clock while an attempt is waited for. */
const TICK = 100;

/** Where the client stands: all of `client.state`, in words. */
export class ConnectionCard {
  #root;
  #form;
  #actions;
  #status = "idle";
  #ticking;

  constructor(root, actions) {
    this.#root = root;
    this.#form = root.querySelector("form");
    this.#actions = actions;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#pressed();
    });
    for (const name of ["online", "offline"]) addEventListener(name, () => this.#network());
    this.show({ status: "idle" });
    this.#network();
  }

  set broker(url) {
    this.#form.elements.broker.value = url;
  }

  show(state) {
    const { name, text } = said(state);
    const box = this.#root.querySelector("#state");
    box.dataset.status = this.#status = state.status;
    box.querySelector("strong").textContent = name;
    box.querySelector("p").textContent = text;
    if (state.status !== "idle") this.#remember(name, text);
    this.#showGranted(state.serverInfo ?? state.lastServerInfo, state.status !== "connected");
    this.#countDown(state);
    const button = this.#form.querySelector("button");
    button.textContent = this.#open ? "Disconnect" : "Connect";
    button.classList.toggle("primary", !this.#open);
    this.#form.elements.broker.readOnly = this.#open;
  }

  get #open() {
    return this.#status !== "idle" && this.#status !== "closed";
  }

  #pressed() {
    if (this.#open) {
      this.#actions.disconnect();
      return;
    }
    const { broker } = this.#form.elements;
    try {
      this.#actions.connect(broker.value);
    } catch (error) {
      this.show({ status: "closed", cause: error }); // the client's own words on what is wrong with the URL
    }
  }

  /** What the browser says of its network. It knows of cables and radios, not of brokers, so that it is only shown. */
  #network() {
    const notice = this.#root.querySelector("#network");
    notice.hidden = navigator.onLine;
    notice.textContent = navigator.onLine
      ? ""
      : "The browser says that it is offline. What you publish waits here until the broker can be reached again.";
  }

  #remember(name, text) {
    const history = this.#root.querySelector("#history");
    history.closest("details").hidden = false;
    history.prepend(element("li", {}, [timeOfDay(), element("b", {}, [name]), text]));
    while (history.childElementCount > KEPT) history.lastElementChild.remove();
  }

  /** What holds now; while there is no connection, what the last one was granted. */
  #showGranted(info, past) {
    const list = this.#root.querySelector("#granted");
    list.hidden = info === undefined;
    list.classList.toggle("past", past);
    list.ariaLabel = past ? "What the broker granted last" : "What the broker granted";
    list.replaceChildren(
      ...Object.entries(info === undefined ? {} : granted(info)).map(([name, value]) =>
        element("div", {}, [element("dt", {}, [name]), element("dd", {}, [value])]),
      ),
    );
  }

  /** Shows the seconds that are left. On a wall clock, so that a page that slept tells the truth when it wakes. */
  #countDown({ status, retryAt, attempt }) {
    clearInterval(this.#ticking);
    const box = this.#root.querySelector("#countdown");
    box.hidden = status !== "waiting";
    if (status !== "waiting") return;
    const whole = Math.max(1, retryAt - Date.now());
    const tick = () => {
      const left = Math.max(0, retryAt - Date.now());
      box.querySelector("progress").value = left / whole;
      box.querySelector("span").textContent = `attempt ${attempt + 1} in ${(left / 1000).toFixed(1)} s`;
    };
    tick();
    this.#ticking = setInterval(tick, TICK);
  }
}

/** A state in words. */
function said(state) {
  return WORDS[state.status](state);
}

const WORDS = {
  idle: () => ({ name: "Not connected", text: "Nothing has been tried yet." }),
  connecting: ({ attempt, broker, reason }) => ({
    name: "Connecting",
    text: `Attempt ${attempt}, to ${broker}.${reason === undefined ? "" : ` ${reason.message}.`}`,
  }),
  connected: ({ broker, serverInfo }) => ({
    name: "Connected",
    text: `To ${broker}. ${serverInfo.sessionPresent ? "The broker has kept the session." : "A new session."}`,
  }),
  waiting: ({ reason }) => ({ name: "Waiting", text: told(reason) }),
  closed: ({ cause }) => ({
    name: "Closed",
    text: cause === undefined ? "By you." : told(cause),
  }),
};

/** What the client says, what its transport said before, and the name that programs match. */
function told({ message, cause, code }) {
  const before = cause instanceof Error && !message.includes(cause.message) ? `: ${cause.message}` : "";
  return `${message}${before} (${code}).`;
}

/** What CONNACK said, as far as a reader may want to know. */
function granted(info) {
  return {
    "Client Identifier": info.clientId,
    Session: `${info.sessionPresent ? "resumed" : "new"}, kept ${info.sessionExpiryInterval} s`,
    "Keep Alive": info.keepAlive === 0 ? "off" : `${info.keepAlive} s`,
    "Maximum QoS": `${info.maximumQoS}`,
    "Receive Maximum": `${info.receiveMaximum}`,
    "Maximum Packet Size": info.maximumPacketSize === Infinity ? "no limit" : `${info.maximumPacketSize} bytes`,
    Retain: yes(info.retainAvailable),
    "Shared subscriptions": yes(info.sharedSubscriptionAvailable),
  };
}

function yes(available) {
  return available ? "yes" : "no";
}
