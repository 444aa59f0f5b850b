// SPDX-License-Identifier: Apache-2.0
import { callable, having, integer, invalid, oneOf } from "./check.js";

/** Which publisher of a pool a message goes to: one after the other, or always the same for the same topic, which keeps its order. */
export type PoolRouting = "round-robin" | "hash-by-topic";

/** Further connections to publish on, for more than one connection carries. */
export interface PublisherPoolOptions {
  /** How many, besides the client's own connection: 1 to 1024. */
  readonly size: number;
  /** Default `round-robin`. */
  readonly routing?: PoolRouting | undefined;
  /**
   * The Client Identifier of a publisher, from the client's own and an index from 1 on. They must differ from each other and from
   * all others at the broker. Default: `<parent>-pub-<index>`.
   */
  readonly clientId?: ((parent: string, index: number) => string) | undefined;
}

/** The same, all present. */
export interface ResolvedPublisherPool {
  readonly size: number;
  readonly routing: PoolRouting;
  readonly clientId: (parent: string, index: number) => string;
}

export function resolvePublisherPool(options: PublisherPoolOptions | undefined): ResolvedPublisherPool | undefined {
  if (having("publisherPool", options) === undefined || options === undefined) return undefined;
  const { size, routing = "round-robin", clientId } = options;
  if (size === undefined) throw invalid("publisherPool.size", size, "must be an integer from 1 to 1024");
  return {
    size: integer("publisherPool.size", size, 1, 1024),
    routing: oneOf("publisherPool.routing", routing, ["round-robin", "hash-by-topic"]),
    clientId: callable("publisherPool.clientId", clientId) ?? ((parent, index) => `${parent}-pub-${index}`),
  };
}
