// SPDX-License-Identifier: Apache-2.0
import { type Authenticator, ReasonCode, ReasonCodeError, scramSha256 } from "@mqttv5/core";
import { expect } from "vitest";
import { within } from "../patience.js";
import type { Check } from "../suite.js";
import { DECEIVED_USER, KNOWN_USER } from "../target.js";

/** User names, passwords and enhanced authentication (sections 3.1.3.5, 4.12). */
export function authentication(check: Check): void {
  check(
    "the right password opens the door",
    async (stage) => {
      const client = await stage.client({ ...KNOWN_USER });
      expect(client.state.status).toBe("connected");
    },
    "credentials",
  );

  check(
    "a wrong password is refused, once, with the broker's reason [MQTT-3.1.4-2, MQTT-3.2.2-7]",
    async (stage) => {
      const client = stage.newClient({ username: KNOWN_USER.username, password: "wrong" });
      const error: unknown = await within(
        "the refusal",
        client.connect().catch((reason: unknown) => reason),
      );
      expect(error).toBeInstanceOf(ReasonCodeError);
      expect(error).toMatchObject({ code: "CONNECT_REFUSED", packet: "CONNACK" });
      expect([ReasonCode.BadUserNameOrPassword, ReasonCode.NotAuthorized]).toContain(
        (error as ReasonCodeError).reasonCode,
      );
      expect(client.state).toMatchObject({ status: "closed", cause: { code: "CONNECT_REFUSED" } });
      expect(client.stats()).toMatchObject({ connects: 0, connectFailures: 1 });
    },
    "credentials",
  );

  check(
    "SCRAM-SHA-256 lets in who knows the password, and again on the open connection [MQTT-4.12.0-3, MQTT-4.12.1-1]",
    async (stage) => {
      const client = await stage.client({ authenticator: scramSha256(KNOWN_USER) });
      expect(client.serverInfo?.authenticationMethod).toBe("SCRAM-SHA-256");
      await within("the re-authentication", client.reauthenticate());
      await within("another one", client.reauthenticate());
      expect(client.stats()).toMatchObject({ connects: 1, disconnects: 0 });
    },
    "SCRAM",
  );

  check(
    "SCRAM-SHA-256 keeps out who does not know the password",
    async (stage) => {
      const client = stage.newClient({ authenticator: scramSha256({ ...KNOWN_USER, password: "wrong" }) });
      await expect(within("the refusal", client.connect())).rejects.toMatchObject({ code: "CONNECT_REFUSED" });
    },
    "SCRAM",
  );

  check(
    "SCRAM-SHA-256 leaves a broker that can't prove that it knows the password",
    async (stage) => {
      const client = stage.newClient({ authenticator: scramSha256({ ...KNOWN_USER, username: DECEIVED_USER }) });
      await expect(within("the refusal", client.connect())).rejects.toMatchObject({ code: "AUTHENTICATION_FAILED" });
      expect(client.stats().connects).toBe(0);
    },
    "SCRAM",
  );

  check("an Authentication Method that the broker does not know is refused with 0x8C", async (stage) => {
    const authenticator: Authenticator = { method: "NOBODY-KNOWS", begin: () => ({ respond: () => undefined }) };
    const client = stage.newClient({ authenticator });
    await expect(within("the refusal", client.connect())).rejects.toMatchObject({
      code: "CONNECT_REFUSED",
      reasonCode: ReasonCode.BadAuthenticationMethod,
    });
  });

  check(
    "credentials are asked for before every attempt, and a new password opens the door again",
    async (stage) => {
      const passwords: string[] = [KNOWN_USER.password, "expired", KNOWN_USER.password];
      const proxy = await stage.proxy();
      const refusals: unknown[] = [];
      const client = await stage.client({
        broker: proxy.url,
        tls: proxy.tls,
        credentials: () => ({ username: KNOWN_USER.username, password: passwords.shift() ?? "none is left" }),
        refusals: () => "retry", // at once: by default it waits long, as asking again soon changes little
        onConnectError: (error) => void refusals.push(error),
      });
      await proxy.cut();
      await within("the connection", client.connected());
      expect(refusals).toEqual([expect.any(ReasonCodeError)]);
      expect(client.stats()).toMatchObject({ connects: 2, connectFailures: 1 });
      expect(passwords).toEqual([]);
    },
    "credentials",
  );
}
