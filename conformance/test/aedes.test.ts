// SPDX-License-Identifier: Apache-2.0
import { conformance } from "../src/suite.js";
import { aedes } from "../src/targets/aedes.js";

conformance(aedes(false));
conformance(aedes(true));
