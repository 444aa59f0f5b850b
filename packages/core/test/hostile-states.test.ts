// SPDX-License-Identifier: Apache-2.0
import { type DecodedPacket, encode, type Packet, PacketType, packetName } from "@mqttv5/wire";
import type { ScriptedConnection } from "@mqttv5/testing";
import { describe, expect, it } from "vitest";
import { codeOf, publish } from "./bench.js";
import { type Scene, states } from "./connection-states.js";

const { Auth, Connack, Connect, Disconnect, Pingreq, Pingresp, Suback, Subscribe, Unsuback, Unsubscribe } = PacketType;
const { Puback, Pubcomp, Pubrec, Pubrel } = PacketType;

const subscription = { filter: "a", qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;

/** One packet of each type, as well formed as can be. */
function packets({ packetId = 1, method }: Scene): readonly Packet[] {
  return [
    { type: Connect, clientId: "c", cleanStart: true, keepAlive: 0 },
    { type: Connack, sessionPresent: false, reasonCode: 0, properties: { authenticationMethod: method } },
    publish("t", "x"),
    { type: Puback, packetId, reasonCode: 0 },
    { type: Pubrec, packetId, reasonCode: 0 },
    { type: Pubrel, packetId, reasonCode: 0 },
    { type: Pubcomp, packetId, reasonCode: 0 },
    { type: Subscribe, packetId, subscriptions: [subscription] },
    { type: Suback, packetId, reasonCodes: [0] },
    { type: Unsubscribe, packetId, filters: ["a"] },
    { type: Unsuback, packetId, reasonCodes: [0] },
    { type: Pingreq },
    { type: Pingresp },
    { type: Disconnect, reasonCode: 0x8b },
    { type: Auth, reasonCode: 0x18, properties: { authenticationMethod: method ?? "m" } },
  ];
}
const NAMES = [
  "CONNECT",
  "CONNACK",
  "PUBLISH",
  "PUBACK",
  "PUBREC",
  "PUBREL",
  "PUBCOMP",
  "SUBSCRIBE",
  "SUBACK",
  "UNSUBSCRIBE",
  "UNSUBACK",
  "PINGREQ",
  "PINGRESP",
  "DISCONNECT",
  "AUTH",
] as const;
type Name = (typeof NAMES)[number];
/** What comes back, whether the link ends, what the session takes or ignores, and what becomes of the client's calls. */
type Column = Readonly<Record<Name, string>>;

const BAD = "DISCONNECT 0x82, end";

/** Where only some packets may come: all others are Protocol Errors, or whatever `others` says. */
function only(some: Partial<Column>, others: string = BAD): Column {
  const all = Object.fromEntries(NAMES.map((name) => [name, others])) as Record<Name, string>;
  return { ...all, ...some };
}

const beforeConnack = only(
  { CONNACK: "connect resolved", DISCONNECT: "end, connect SERVER_DISCONNECTED" },
  `${BAD}, connect PROTOCOL_ERROR`,
);

/** With nothing under way. */
const onceOpen = only({
  PUBLISH: "taken",
  PUBACK: "ignored",
  PUBREC: "PUBREL 0x92, ignored",
  PUBREL: "PUBCOMP 0x92",
  PUBCOMP: "ignored",
  SUBACK: "ignored",
  UNSUBACK: "ignored",
  PINGRESP: "",
  DISCONNECT: "end",
});

/** The same, and then something more. */
function followedBy(column: Column, more: string, where: (outcome: string) => boolean = () => true): Column {
  const entries = Object.entries(column).map(([name, outcome]) => {
    return [name, where(outcome) ? [outcome, more].filter((part) => part !== "").join(", ") : outcome];
  });
  return Object.fromEntries(entries) as Column;
}

const onceVerified = followedBy(onceOpen, "connect resolved");
const reauthenticating = {
  ...followedBy(onceOpen, "call NOT_CONNECTED", (outcome) => outcome === BAD),
  DISCONNECT: "end, call REAUTH_REJECTED",
};
const nothing = only({}, "");

/** All states, all packets. What a broker may send when: sections 3.1.4, 3.2, 3.15, 4.3, 4.12 and 4.13. */
const table: Readonly<Record<string, Column>> = {
  "CONNECT is sent": beforeConnack,
  "CONNECT is sent, with a method": { ...beforeConnack, AUTH: "AUTH 0x18" },
  "a challenge is being answered": { ...beforeConnack, CONNACK: `${BAD}, connect PROTOCOL_ERROR` },
  "a challenge was answered": { ...beforeConnack, AUTH: "AUTH 0x18" },
  "CONNACK is being verified": onceVerified,
  "CONNACK is being verified, and more is in its chunk": onceVerified,
  "CONNACK is being verified, and the link does not pause": onceVerified,
  "CONNACK is being stored": onceVerified,
  connected: onceOpen,
  "PUBLISH of QoS 1 is sent": { ...onceOpen, PUBACK: "call resolved", PUBREC: "ignored" },
  "PUBLISH of QoS 2 is sent": { ...onceOpen, PUBREC: "PUBREL" },
  "PUBREL is sent": { ...onceOpen, PUBREC: "PUBREL", PUBCOMP: "call resolved" },
  "SUBSCRIBE is sent": { ...onceOpen, PUBREC: "ignored", SUBACK: "call resolved" },
  "UNSUBSCRIBE is sent": { ...onceOpen, PUBREC: "ignored", UNSUBACK: "call resolved" },
  "a message of QoS 1 is being handled": onceOpen,
  "a message of QoS 2 is being handled": onceOpen,
  "PUBREC is sent": { ...onceOpen, PUBREL: "PUBCOMP" },
  "PINGREQ is sent": onceOpen,
  "re-authenticating": { ...reauthenticating, AUTH: "AUTH 0x18" },
  "re-authenticating, and a challenge is being answered": reauthenticating,
  "re-authenticating, and the broker's last word is being verified": reauthenticating,
  "reading is paused": onceOpen,
  "DISCONNECT is sent": only({}, "DISCONNECT, end, call resolved"),
  "DISCONNECT is sent after a violation": only({}, BAD),
  "DISCONNECT was received": only({}, "end"),
  "the link is closed, and the next attempt is waited for": nothing,
  "the next attempt is under way, and the old link still speaks": nothing,
  "connected again, and the old link still speaks": nothing,
  "closed by disconnect": nothing,
};

describe("every packet type in every state", () => {
  it("is 15 types, and a column for each state", () => {
    expect(NAMES).toHaveLength(15);
    expect(states.map(({ name }) => name)).toEqual(Object.keys(table));
  });

  for (const state of states) {
    it(`${state.name}: each has the outcome of the table, and disconnect leaves nothing behind`, async () => {
      const outcomes: Partial<Record<Name, string>> = {};
      for (const name of NAMES) outcomes[name] = await outcomeOf(await state.enter(), name);
      expect(outcomes).toEqual(table[state.name]);
    });
  }
});

async function outcomeOf(scene: Scene, name: Name): Promise<string> {
  const { bench, client, connection, calls, ahead, deliver, release } = scene;
  const packet = packets(scene).find(({ type }) => packetName(type) === name) as Packet;
  const before = client.stats();
  const { status } = client.state;
  const wasClosed = connection.isClosed;
  if (wasClosed) connection.discard(); // what it said before
  if (deliver !== undefined) deliver(encode(packet));
  else connection.send(...(ahead === undefined ? [] : [ahead]), packet);
  await bench.clock.settle();
  if (release !== undefined) {
    expect([await said(connection), client.state.status, connection.isClosed]).toEqual([[], status, false]);
    release();
  }
  connection.link.resume();
  await bench.clock.settle();
  const parts = (await said(connection)).map(brief);
  const after = client.stats();
  if (connection.isClosed && !wasClosed) parts.push("end");
  if (after.inboundPublishes > before.inboundPublishes) parts.push("taken");
  if (after.acksIgnored > before.acksIgnored) parts.push("ignored");
  for (const [call, { status: fate, error }] of Object.entries(calls)) {
    if (fate !== "pending") parts.push(`${call} ${codeOf(error) ?? fate}`);
  }
  if (deliver !== undefined && release === undefined) {
    expect(client.state.status).toBe(status);
    if (status === "connected") expect(await bench.clock.run(client.publish("t"))).toBeDefined();
  }
  await bench.end(client); // which finds no timer left
  expect(Object.values(calls).map((call) => call.status)).not.toContain("pending");
  return parts.join(", ");
}

/** What the client has sent. */
async function said(connection: ScriptedConnection): Promise<DecodedPacket[]> {
  const all: DecodedPacket[] = [];
  for (;;) {
    const packet = await connection.next({ within: 0 }).catch(() => undefined);
    if (packet === undefined) return all;
    all.push(packet);
  }
}

function brief(packet: DecodedPacket): string {
  const name = packetName(packet.type);
  const code = "reasonCode" in packet && packet.reasonCode !== 0 ? ` 0x${packet.reasonCode.toString(16)}` : "";
  return name + code;
}
