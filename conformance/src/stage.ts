// SPDX-License-Identifier: Apache-2.0
import { Client, type ClientOptions, constantBackoff, type Message, type MessageQueue } from "@mqttv5/core";
import { ws } from "@mqttv5/transport-ws";
import { CuttingProxy } from "./cutting-proxy.js";
import { PATIENCE, within } from "./patience.js";
import type { Limits, Redirect, RunningBroker } from "./target.js";

/** What one test works with: clients and proxies of its own, topics nobody else uses. Ends with the test. */
export class Stage {
  readonly broker: RunningBroker;
  /** The first levels of every topic of this test. */
  readonly root: string;
  readonly #name: string;
  readonly #clients: Client[] = [];
  readonly #proxies: CuttingProxy[] = [];
  readonly #brokers: RunningBroker[] = [];

  constructor(broker: RunningBroker, number: number) {
    this.broker = broker;
    this.#name = `t${number}`;
    this.root = `conformance/${this.#name}`;
  }

  /** A topic or filter below the root. */
  topic(rest: string): string {
    return `${this.root}/${rest}`;
  }

  /** A client identifier of the kind that every broker must take [MQTT-3.1.3-5]. */
  clientId(name: string): string {
    return `${this.#name}${name}`;
  }

  /** A client that is not yet connected. */
  newClient(options: Partial<ClientOptions> = {}): Client {
    const client = new Client({
      broker: this.broker.url,
      tls: this.broker.tls,
      transport: this.broker.url.startsWith("ws:") ? ws() : undefined,
      clientId: this.clientId(`c${this.#clients.length + 1}`),
      reconnectBackoff: constantBackoff(20),
      sessionExpiryInterval: 60,
      connectTimeout: PATIENCE,
      ...options,
    });
    this.#clients.push(client);
    return client;
  }

  /** A connected client. */
  async client(options: Partial<ClientOptions> = {}): Promise<Client> {
    const client = this.newClient(options);
    await within("the connection", client.connect());
    return client;
  }

  /** A client whose link can be cut. */
  async cuttable(
    options: Partial<ClientOptions> = {},
    broker: RunningBroker = this.broker,
  ): Promise<{ client: Client; proxy: CuttingProxy }> {
    const proxy = await this.proxy(broker);
    return { client: await this.client({ broker: proxy.url, tls: proxy.tls, ...options }), proxy };
  }

  async proxy(broker: RunningBroker = this.broker): Promise<CuttingProxy> {
    const proxy = await CuttingProxy.start(broker.url);
    this.#proxies.push(proxy);
    return proxy;
  }

  /** Another broker of the kind, which allows less. */
  async limited(limits: Limits): Promise<RunningBroker> {
    const broker = await this.broker.limited(limits);
    this.#brokers.push(broker);
    return broker;
  }

  /** Another broker of the kind, which sends everybody elsewhere. */
  async redirecting(redirect: Redirect): Promise<RunningBroker> {
    const broker = await this.broker.redirecting?.(redirect);
    if (broker === undefined) throw new Error("the broker can't redirect");
    this.#brokers.push(broker);
    return broker;
  }

  /** Disconnects all, and leaves no session behind. */
  async clear(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.disconnect({ sessionExpiryInterval: 0 })));
    await Promise.all(this.#proxies.map((proxy) => proxy.stop()));
    await Promise.all(this.#brokers.map((broker) => broker.stop()));
  }
}

/** The next message, which is not acked. */
export async function next(queue: MessageQueue): Promise<Message> {
  const message = await within("a message", queue.dequeue());
  if (message === undefined) throw new Error("the subscription has ended");
  return message;
}

/** The next messages, acked as they come. */
export async function take(queue: MessageQueue, count: number): Promise<Message[]> {
  const messages: Message[] = [];
  while (messages.length < count) {
    const message = await next(queue).catch((error: unknown) => {
      throw new Error(`${messages.length} of ${count} messages came`, { cause: error });
    });
    message.ack();
    messages.push(message);
  }
  return messages;
}

/** The messages up to the one whose payload is `last`, which is not among them. */
export async function takeUntil(queue: MessageQueue, last: string): Promise<Message[]> {
  const messages: Message[] = [];
  for (;;) {
    const [message] = (await take(queue, 1)) as [Message];
    if (message.text() === last) return messages;
    messages.push(message);
  }
}

/** What the messages say. */
export function texts(messages: readonly Message[]): string[] {
  return messages.map((message) => message.text());
}
