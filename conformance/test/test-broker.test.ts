// SPDX-License-Identifier: Apache-2.0
import { conformance } from "../src/suite.js";
import { testBroker } from "../src/targets/test-broker.js";

conformance(testBroker("TCP"));
conformance(testBroker("TLS"));
conformance(testBroker("WebSocket"));
