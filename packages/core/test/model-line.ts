// SPDX-License-Identifier: Apache-2.0
// One line between the client and the broker of the random model: bytes that are split, joined, late, and cut anywhere.
import { decode, type DecodedPacket, encode, Framer, type Packet, PacketType } from "@mqttv5/wire";
import { type FaultyLink, linkPair, type VirtualClock } from "@mqttv5/testing";
import { describe, Tap, type WirePort } from "./model-wire.js";

/** What differs from seed to seed. */
export interface BrokerTemper {
  /** Share of CONNECTs that meet no session, of publishes that are refused, of connections that end at a chosen byte. */
  readonly loses: number;
  readonly refuses: number;
  readonly cuts: number;
  /** Milliseconds from one side to the other, and until a packet is handled. */
  readonly latency: number;
  readonly thought: number;
  /** PUBLISH packets that wait are handled in any order, as no correct broker would. */
  readonly shuffles: boolean;
  /** Bytes of the largest chunk that arrives. */
  readonly chunk: number;
  readonly subscriptionIdentifiers: boolean;
  /** DUP is set on what is sent again. Not every broker does. */
  readonly flags: boolean;
  /** Not the broker's: the client gives up what was in flight in a session that is lost. */
  readonly lossFails: boolean;
}

/** What all lines of a seed have in common. */
export interface Weather {
  readonly clock: VirtualClock;
  readonly temper: BrokerTemper;
  /** At least 0, below 1. */
  random(): number;
  /** The network misbehaves. Not for ever. */
  stormy(): boolean;
}

/** Who handles what a line brings. */
export interface LinePort extends WirePort {
  handle(line: Line, packet: DecodedPacket): void;
  /** The broker has seen its end. */
  ended(line: Line): void;
}

/** The broker's end of a connection. */
export class Line {
  readonly #port: LinePort;
  readonly #weather: Weather;
  readonly #client: FaultyLink;
  readonly #broker: FaultyLink;
  readonly #framer = new Framer();
  /** Received and not handled. */
  readonly #inbox: DecodedPacket[] = [];
  /** Encoded, to leave at the end of the turn. */
  readonly #outbox: Uint8Array[] = [];
  /** The client's end. */
  readonly tap: Tap;
  /** The client's. */
  receiveMaximum = 0;
  over = false;

  constructor(port: LinePort, weather: Weather) {
    const { temper, clock } = weather;
    this.#port = port;
    this.#weather = weather;
    [this.#client, this.#broker] = linkPair({ clock, latency: temper.latency, transcript: false });
    this.tap = new Tap(port, this.#client, this.#broker);
    this.#client.split(temper.chunk);
    this.#broker.split(temper.chunk);
    this.#broker.open({
      received: (chunk) => this.#received(chunk),
      drained: () => {},
      closed: () => this.#end(),
    });
    port.log("connects");
    if (weather.stormy() && weather.random() < temper.cuts) this.#plan();
  }

  /** Sends, unless the line is over. `learn`: what it means to the client. */
  send(packet: Packet, learn?: () => void): void {
    if (this.over) return;
    if (this.#port.logging) this.#port.log(`broker: ${describe(packet)}`);
    const bytes = encode(packet);
    this.tap.sends(bytes.length, learn);
    this.#outbox.push(bytes);
    if (this.#outbox.length === 1) this.#weather.clock.afterTurn(() => this.flush());
  }

  /** Packets of a turn may share a chunk, or not. */
  flush(): void {
    const chunks = this.#outbox.splice(0);
    if (chunks.length < 2 || this.#weather.random() < 0.3) {
      for (const chunk of chunks) this.#broker.send(chunk);
      return;
    }
    const joined = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const chunk of chunks) {
      joined.set(chunk, at);
      at += chunk.length;
    }
    this.#broker.send(joined);
  }

  /** The broker closes; what it has sent still arrives. */
  close(): void {
    this.flush();
    this.#end();
    this.#broker.end();
  }

  /** Breaks in one of the ways lines break. */
  break(how: number): void {
    if (this.over) return;
    if (how < 0.6) {
      this.#cut("now");
    } else if (how < 0.75) {
      this.#port.log("the broker closes");
      this.close();
    } else if (how < 0.85) {
      this.#port.log("the broker resets");
      this.#end();
      this.#broker.destroy();
    } else {
      this.send({ type: PacketType.Disconnect, reasonCode: how < 0.92 ? 0x8b : 0x89 });
      this.close();
    }
  }

  /** The line will end at a byte chosen now: soon, in the handshake, or later. */
  #plan(): void {
    const { random } = this.#weather;
    const end = random() < 0.5 ? this.#client : this.#broker;
    const offset = Math.floor(random() * (random() < 0.4 ? 60 : 400));
    end.at(offset, () => this.#cut(`at byte ${offset} from the ${end === this.#client ? "client" : "broker"}`));
  }

  #cut(where: string): void {
    this.#port.log(`cut ${where}`);
    this.#client.cut();
    this.#end();
  }

  /** The broker has seen the end: what it received it handles or not, nobody hears of it. */
  #end(): void {
    if (this.over) return;
    const handled = this.#weather.random() < 0.5;
    this.over = true;
    if (handled) this.#serve();
    this.#inbox.length = 0;
    this.#port.ended(this);
  }

  #received(chunk: Uint8Array): void {
    if (this.over) return;
    const framer = this.#framer;
    framer.push(chunk);
    while (framer.next()) {
      this.#inbox.push(decode(framer.buffer, framer.start, framer.end, { sender: "client" }));
    }
    if (this.#inbox.length === 0) return;
    const { clock, temper } = this.#weather;
    if (temper.thought === 0) this.#serve();
    else clock.schedule(temper.thought, () => this.#serve());
  }

  #serve(): void {
    const { temper, random } = this.#weather;
    const inbox = this.#inbox;
    while (inbox.length > 0) {
      let index = 0;
      if (temper.shuffles && random() < 0.5) {
        while (inbox[index]?.type === PacketType.Publish && inbox[index + 1]?.type === PacketType.Publish) index++;
      }
      this.#port.handle(this, inbox.splice(index, 1)[0] as DecodedPacket);
    }
  }
}
