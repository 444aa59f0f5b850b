// SPDX-License-Identifier: Apache-2.0
import { concatenate } from "./bytes.js";
import { ContractLink } from "./contract-link.js";
import { pattern } from "./contract-peer.js";
import type { Link, Transport } from "./link.js";
import type { ContractCheck } from "./session-store-contract.js";

/** What the contract is tried on. */
export interface TransportContractOptions {
  readonly transport: Transport;
  /** Where the links of a listener are served by {@link contractPeer}. */
  readonly url: URL;
  /** Where nobody listens. */
  readonly nowhere: URL;
}

const MIB = 1 << 20;

/** More than any buffer between two ends holds. */
const ENDLESS = 512 * MIB;

/**
 * What every transport and its links have to do, as named checks for any test framework; the other end, which may be in
 * another process, is a {@link contractPeer}. Nothing in it waits for time: what does not happen is ended by the framework.
 */
export function transportContract(options: TransportContractOptions): readonly ContractCheck[] {
  const { transport, url, nowhere } = options;
  const signal = new AbortController().signal;
  const connect = (): Promise<Link> => transport.connect(url, { signal });
  const opened = async (command: string): Promise<ContractLink> => new ContractLink(await connect(), command);
  /** When one is over, both sides have had their turns. */
  const roundTrip = async (): Promise<void> => {
    const link = await opened("echo");
    link.send(new Uint8Array([1]));
    await link.bytes(1);
    link.destroy();
    await link.closed;
  };
  const check = (name: string, rule: () => Promise<void>): ContractCheck => ({ name, run: rule });
  return [
    check("KeepsOrder", async () => {
      const link = await opened("echo");
      const chunks = Array.from({ length: 300 }, (_, index) => pattern((index * 37) % 5000, index));
      for (const chunk of chunks) link.send(chunk.slice());
      const expected = concatenate(chunks);
      same(await link.bytes(expected.length), expected, "what came back");
      await link.destroyed();
    }),
    check("CarriesLargeChunks", async () => {
      const link = await opened("echo");
      const large = pattern(5 * MIB, 3);
      link.send(large.slice());
      same(await link.bytes(large.length), large, "what came back of a large chunk");
      await link.destroyed();
    }),
    check("LosesNothingBeforeOpen", async () => {
      const link = await connect();
      await roundTrip();
      const late = new ContractLink(link, "send 1000"); // it also checks the greeting, which was there long ago
      same(await late.bytes(1000), pattern(1000, 0), "what came after a late open");
      await late.destroyed();
    }),
    check("ChunksBelongToTheReceiver", async () => {
      const link = await opened("echo");
      link.erasing = true;
      for (let index = 0; index < 50; index++) link.send(pattern(100, index));
      const all = concatenate(Array.from({ length: 50 }, (_, index) => pattern(100, index)));
      same(await link.bytes(all.length), all, "what came after received chunks were overwritten");
      await link.destroyed();
    }),
    check("LeavesSentChunksAlone", async () => {
      const link = await opened("echo");
      const chunk = pattern(100_000, 5);
      link.send(chunk);
      await link.bytes(chunk.length);
      same(chunk, pattern(100_000, 5), "the chunk that was sent");
      await link.destroyed();
    }),
    check("SaysWhatIsFlushed", async () => {
      const link = await opened("echo");
      const seen: string[] = [];
      const flushes = Array.from({ length: 5 }, (_, index) => {
        return new Promise<void>((resolve) => {
          link.send(pattern(1000, index), () => {
            seen.push(`flushed ${index}`);
            resolve();
          });
        });
      });
      seen.push("returned");
      await Promise.all(flushes);
      const expected = ["returned", ...flushes.map((_, index) => `flushed ${index}`)];
      want(seen.join() === expected.join(), `the order was ${seen.join()}`);
      await link.bytes(5000);
      await link.destroyed();
    }),
    check("SaysWhenItIsFull", async () => {
      const link = await opened("hold full");
      const chunk = pattern(65_536, 7);
      let sent = 0;
      while (link.send(chunk)) {
        sent += chunk.length;
        want(sent < ENDLESS, "send never returned false, though nobody read");
        if (sent % MIB === 0) await roundTrip();
      }
      sent += chunk.length;
      want(link.drains === 0 && link.pendingBytes > 0, "it is full, and yet nothing is pending");
      const release = await opened("release full");
      await link.drained;
      want(link.pendingBytes === 0, `${link.pendingBytes} bytes are pending when it has drained`);
      await roundTrip();
      want(link.drains === 1, `drained was called ${link.drains} times`);
      await release.destroyed();
      await link.destroyed();
    }),
    check("StopsReading", async () => {
      const link = await opened("send 67108864");
      await link.bytes(1);
      link.pause();
      let before = -1;
      while (before !== link.received) {
        before = link.received;
        for (let times = 0; times < 5; times++) await roundTrip();
      }
      want(link.received < 64 * MIB, "everything came, though reading was stopped");
      link.resume();
      link.counting = true;
      await link.bytes(64 * MIB);
      await link.destroyed();
    }),
    check("BringsTheOtherSidesEnd", async () => {
      const link = await opened("send 300000 end");
      same(await link.bytes(300_000), pattern(300_000, 0), "what came before the end");
      want((await link.closed) === undefined, "an end in good order is reported as an error");
    }),
    check("ClosesWhenTheOtherSideIsGone", async () => {
      const link = await opened("drop");
      await link.closed;
      want(!link.send(new Uint8Array(1)), "a closed link takes bytes");
    }),
    check("EndsBehindWhatIsPending", async () => {
      const link = await opened("count ending");
      for (let index = 0; index < 40; index++) link.send(pattern(100_000, index));
      link.end();
      want((await link.closed) === undefined, "an end of ours is reported as an error");
      const report = await opened("report ending");
      const [a = 0, b = 0, c = 0, d = 0] = await report.bytes(4);
      want(((a << 24) | (b << 16) | (c << 8) | d) === 4_000_000, `only ${[a, b, c, d].join(".")} bytes arrived`);
      await report.destroyed();
    }),
    check("IsDestroyedAtOnce", async () => {
      const link = await opened("hold destroyed");
      let flushed = 0;
      for (let sent = 0; link.send(pattern(65_536, 1), () => flushed++); sent++) {
        want(sent < ENDLESS / 65_536, "send never returned false, though nobody read");
        if (sent % 16 === 15) await roundTrip();
      }
      link.send(pattern(4 * MIB, 1), () => (flushed = Infinity));
      link.destroy();
      link.destroy();
      want(!link.send(new Uint8Array(1)), "a destroyed link takes bytes");
      await link.closed;
      await roundTrip();
      want(flushed < Infinity, "what was dropped is said to be flushed");
      link.destroy();
      link.end();
      link.pause();
      link.resume();
      await (await opened("release destroyed")).destroyed();
      await roundTrip();
    }),
    check("IsToldOfAnEndThatCameBeforeOpen", async () => {
      const link = await connect();
      link.destroy();
      await roundTrip();
      await new Promise<unknown>((resolve, reject) => {
        let within = true;
        link.open({
          received() {},
          drained() {},
          closed: (error) => (within ? reject(new Error("closed was called from within open")) : resolve(error)),
        });
        within = false;
      });
    }),
    check("DoesNotStartWhenAborted", async () => {
      const controller = new AbortController();
      controller.abort(new Error("too late"));
      const reason = await rejection(transport.connect(url, { signal: controller.signal }));
      want(reason === controller.signal.reason, `it rejects with ${String(reason)}`);
    }),
    check("StopsWhenAborted", async () => {
      const controller = new AbortController();
      const connecting = rejection(transport.connect(url, { signal: controller.signal }));
      await Promise.resolve();
      controller.abort(new Error("changed my mind"));
      const reason = await connecting;
      want(reason === controller.signal.reason, `it rejects with ${String(reason)}`);
      await roundTrip();
    }),
    check("RejectsWhereNobodyListens", async () => {
      want((await rejection(transport.connect(nowhere, { signal }))) instanceof Error, "it rejects with no error");
    }),
  ];
}

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("it resolved");
}

function want(right: boolean, text: string): void {
  if (!right) throw new Error(text);
}

function same(actual: Uint8Array, expected: Uint8Array, what: string): void {
  want(actual.length === expected.length, `${what}: ${actual.length} bytes instead of ${expected.length}`);
  const at = actual.findIndex((byte, index) => byte !== expected[index]);
  want(at === -1, `${what}: byte ${at} is ${actual[at]} instead of ${expected[at]}`);
}
