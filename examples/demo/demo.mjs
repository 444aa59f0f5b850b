// SPDX-License-Identifier: Apache-2.0
// Typed messages at QoS 0, 1 and 2, through a broker that goes away in the middle. Ends with 0 only if every message
// published at QoS 1 and 2 arrived, those at QoS 2 exactly once. MQTT_BROKER=mqtt://host:port uses your broker.
import { json } from "@mqttv5/codec-json";
import { Client, exponentialBackoff } from "@mqttv5/core";
import { embeddedBroker, yourBroker } from "./broker.mjs";
import { bold, chapter, dim, green, red, says, table, yellow } from "./screen.mjs";

/** How long the demo may take, all in all. */
const PATIENCE = 30_000;
/** How long the broker is away. */
const OUTAGE = 900;

const prefix = `mqttv5-demo/${Math.random().toString(36).slice(2, 8)}`;
const rooms = ["kitchen", "cellar", "attic"];

/** Every message, by its number: at which QoS it was published, whether that was confirmed, how often it arrived. */
const ledger = new Map();
/** What is to be undone at the end, whatever the end is. */
const cleanup = [];

function newClient(name, broker) {
  const client = new Client({
    ...broker.access,
    broker: broker.url,
    clientId: `${prefix.replace("/", "-")}-${name}`,
    sessionExpiryInterval: 60, // the broker keeps the session while the connection is lost
    reconnectBackoff: exponentialBackoff(250, 500, 50),
    connectTimeout: 5_000,
  });
  // Nothing is to be kept once the demo is over.
  cleanup.push(() => client.disconnect({ sessionExpiryInterval: 0 }));
  return client;
}

/** Tells every change of a client's state. */
async function narrate(name, client) {
  for await (const state of client.states()) {
    if (state.status === "connecting" && state.attempt > 1) says(name, dim(`attempt ${state.attempt - 1} …`));
    if (state.status === "waiting") {
      const delay = Math.max(0, Math.round(state.retryAt - Date.now()));
      says(name, yellow(`${state.reason.message}; tries again in ${delay} ms`));
    }
    if (state.status === "connected") {
      const { sessionPresent } = state.serverInfo;
      says(name, green(sessionPresent ? "connected again, the session goes on" : "connected, with a new session"));
    }
  }
}

/** Resolves when the client is in this state. */
async function reached(client, status) {
  const changes = client.states();
  if (client.state.status === status) return;
  for await (const state of changes) if (state.status === status) return;
}

function newReading(qos) {
  const number = ledger.size + 1;
  ledger.set(number, { qos, confirmed: false, arrived: 0 });
  return { number, room: rooms[number % rooms.length], celsius: 15 + ((number * 7) % 80) / 10 };
}

/**
 * Publishes until the broker has it. A QoS 1/2 message that was accepted is owned: it goes on over the next connection by
 * itself. One that was never accepted rejects with `delivery: "not-sent"`, which is a guarantee: it may be tried again.
 */
async function publish(device, readings, reading, onRefused = () => {}) {
  const entry = ledger.get(reading.number);
  for (;;) {
    try {
      await readings.publish(`${prefix}/${reading.room}`, reading, { qos: entry.qos });
      entry.confirmed = entry.qos > 0;
      return;
    } catch (error) {
      if (error.code !== "NOT_CONNECTED") throw error;
      onRefused(error);
      await device.connected();
    }
  }
}

function sayRefused(error) {
  says("device", yellow(`   ${error.code} (${error.delivery}): the demo tries again later`));
}

/** Takes every message in the order of arrival, and says so as long as `show.each` is set. */
async function receive(subscription, show) {
  for await (const message of subscription) {
    const { number } = message.value;
    const entry = ledger.get(number);
    if (entry !== undefined) entry.arrived++;
    if (show.each) says("dashboard", `${green("<-")} ${shown(message.value, message.qos)}`);
    message.ack();
    show.arrived?.();
  }
}

function shown(reading, qos) {
  return `QoS ${qos}  ${reading.room.padEnd(7)}  ${dim(JSON.stringify(reading))}`;
}

function missing() {
  return [...ledger.values()].some(({ qos, arrived }) => qos > 0 && arrived === 0);
}

/** Whether everything that must arrive has: now, or within 10 s. */
async function allArrived(show) {
  const giveUp = Date.now() + 10_000;
  while (missing() && Date.now() < giveUp) {
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, 500);
      show.arrived = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
  return !missing();
}

async function story() {
  console.log(bold("@mqttv5: typed messages through a broker that goes away"));

  chapter("A broker", process.env.MQTT_BROKER ? undefined : "MQTT_BROKER=mqtt://host:port npm run demo  uses yours");
  const broker = await (process.env.MQTT_BROKER ? yourBroker(process.env.MQTT_BROKER) : embeddedBroker());
  cleanup.unshift(() => broker.stop());
  says("broker", broker.about);

  chapter("Two clients", "device publishes, dashboard subscribes");
  const device = newClient("device", broker);
  const dashboard = newClient("dashboard", broker);
  void narrate("device", device);
  void narrate("dashboard", dashboard);
  await device.connect();
  await dashboard.connect();
  const readings = device.typed(json());
  const subscription = await dashboard.typed(json()).subscribe(`${prefix}/#`, { qos: 2 });
  says("dashboard", `subscribed to ${prefix}/#, at up to QoS 2`);
  const show = { each: true, arrived: undefined };
  const receiving = receive(subscription, show);

  chapter("Typed values, at every QoS", "values go in and come out: json() is the codec between them and the bytes");
  for (const qos of [0, 1, 2]) {
    const reading = newReading(qos);
    says("device", `-> ${shown(reading, qos)}`);
    await publish(device, readings, reading);
    if (qos > 0) says("device", green(`   the broker has acknowledged ${reading.number}`));
  }
  await allArrived(show);
  show.each = false;

  chapter(broker.restarting, "what was accepted is delivered by the client; what was not, says so and can be retried");
  const burst = (length) =>
    Array.from({ length }, (_, index) => publish(device, readings, newReading(1 + (index % 2))));
  const publishing = burst(30);
  says("device", "-> 30 messages at QoS 1 and 2, nobody waits for the answers");
  await Promise.race(publishing); // the first acknowledgement is here, the exchanges are under way
  publishing.push(...burst(10));
  says("device", "-> 10 more, and in the same moment");
  const atTheCut = device.stats().publishesInflight;
  await broker.goDown();
  says("broker", red(broker.goesDown));
  says("device", `${atTheCut} messages are in flight: sent, or half acknowledged`);
  await Promise.all([reached(device, "waiting"), reached(dashboard, "waiting")]);
  for (const qos of [1, 2, 1, 2]) {
    const reading = newReading(qos);
    says("device", `-> ${shown(reading, qos)}`);
    publishing.push(publish(device, readings, reading, sayRefused));
    await new Promise((resolve) => setTimeout(resolve, OUTAGE / 4));
  }
  await broker.comeBack();
  says("broker", green(broker.isBack));
  await Promise.all(publishing);
  says("device", green(`all ${publishing.length} are acknowledged now`));
  if (await allArrived(show)) says("dashboard", green("has received everything"));
  else says("dashboard", red("has waited for 10 s, and something is missing"));

  chapter("The count");
  const stats = [device.stats(), dashboard.stats()];
  const row = (name, key) => [name, ...stats.map((of) => of[key])];
  table(
    ["device", "dashboard"],
    [
      row("connections made", "connects"),
      row("connection attempts failed", "connectFailures"),
      row("messages sent", "publishesSent"),
      row("  acknowledged by the broker", "publishesAcked"),
      row("  sent again after the outage", "publishesReplayed"),
      row("messages received", "inboundPublishes"),
      row("  duplicates that were filtered", "inboundDuplicates"),
    ],
  );
  console.log();
  const complete = verdict();
  await dashboard.disconnect({ sessionExpiryInterval: 0 });
  await receiving;
  return complete;
}

/** Says how it went, for each QoS. Whether every promise was kept. */
function verdict() {
  let complete = true;
  for (const qos of [0, 1, 2]) {
    const entries = [...ledger.values()].filter((entry) => entry.qos === qos);
    const arrived = entries.filter((entry) => entry.arrived > 0).length;
    const twice = entries.filter((entry) => entry.arrived > 1).length;
    const confirmed = entries.filter((entry) => entry.confirmed).length;
    const kept =
      qos === 0 || (arrived === entries.length && confirmed === entries.length && (qos === 1 || twice === 0));
    complete &&= kept;
    const promise = ["at most once", "at least once", "exactly once"][qos];
    const again = qos === 1 && twice > 0 ? `${twice} twice, as their acknowledgement was lost` : `${twice} twice`;
    const count = `${arrived} of ${entries.length} arrived, ${again}`;
    console.log(`   ${kept ? green("ok    ") : red("BROKEN")}  QoS ${qos}, ${promise.padEnd(13)}  ${count}`);
  }
  return complete;
}

/** Runs once, in order; what fails is not worth a word at this point. */
async function cleanUp() {
  for (const undo of cleanup.splice(0).toReversed()) await Promise.resolve(undo()).catch(() => {});
}

async function main() {
  const watchdog = setTimeout(() => {
    console.error(red(`\nThe demo did not come to its end within ${PATIENCE / 1000} s.`));
    process.exit(1);
  }, PATIENCE);
  process.once("SIGINT", () => {
    console.error(yellow("\nInterrupted."));
    setTimeout(() => process.exit(130), 2_000).unref();
    void cleanUp().finally(() => process.exit(130));
  });
  try {
    const complete = await story();
    console.log(complete ? bold(green("\nNothing was lost.")) : bold(red("\nMessages were lost or repeated.")));
    process.exitCode = complete ? 0 : 1;
  } catch (error) {
    console.error(`\n${red("The demo failed:")} ${error.message}`);
    if (process.env.DEBUG) console.error(error);
    process.exitCode = 1;
  } finally {
    clearTimeout(watchdog);
    await cleanUp();
  }
}

await main();
