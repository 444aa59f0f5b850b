// SPDX-License-Identifier: Apache-2.0
import { conformance } from "../src/suite.js";
import { mosquitto } from "../src/targets/mosquitto.js";

conformance(mosquitto("TCP"));
conformance(mosquitto("TLS"));
conformance(mosquitto("WebSocket"));
