import { DEFAULT_TARGET } from "../../config/index.ts";
import { PAYLOAD_VERSION } from "../../queues/definition.ts";
import * as gate from "../../queues/gate/scripts/constants.ts";
import {
  ARRANGED,
  FIRST_RANK,
  MAX_LAG,
  PICKED,
  RANKS_PER_LEVEL,
  RANKS_PER_TENANT,
  TARGET_LAGS,
  TENANTS,
} from "../../queues/gate/scripts/ranks.ts";
import { SAMPLES_MAX, SAMPLES_TRIMMED } from "../../queues/optimizer/sample.ts";
import { AUDIT_MAX } from "../../queues/optimizer/scripts/constants.ts";
import { ADDING_MS, KIND_SPAN, SENT_MS } from "../../queues/runs/scripts/constants.ts";
import type { Constant } from "./scripts.ts";

/** What scripts may ask for with `--- @constant NAME`; one that no script asks for is refused. */
export const CONSTANTS = {
  ADDING_MS,
  AGE_MS: gate.AGE_MS,
  ALONE_MS: gate.ALONE_MS,
  ARRANGED,
  AUDIT_KEPT: gate.AUDIT_KEPT,
  AUDIT_MAX,
  BIG_SHARE: gate.BIG_SHARE,
  BREAKER_FAILURES: gate.BREAKER_FAILURES,
  BREAKER_OPEN_MS: gate.BREAKER_OPEN_MS,
  BREAKER_PROBES: gate.BREAKER_PROBES,
  BREAKER_QUORUM_MS: gate.BREAKER_QUORUM_MS,
  COOL_DOWN_MAX_MS: gate.COOL_DOWN_MAX_MS,
  COOL_DOWN_MS: gate.COOL_DOWN_MS,
  DECLARED_MESSAGE: gate.DECLARED_MESSAGE,
  DECLARED_MS: gate.DECLARED_MS,
  DEFAULT_SERVICE_MS: gate.DEFAULT_SERVICE_MS,
  DEFAULT_TARGET,
  DRAIN_MS: gate.DRAIN_MS,
  FIRST_RANK,
  FLOOR_SHARE: gate.FLOOR_SHARE,
  GUARD_MAX_MS: gate.GUARD_MAX_MS,
  GUARD_MIN_MS: gate.GUARD_MIN_MS,
  GUARD_SHARE: gate.GUARD_SHARE,
  KIND_SPAN,
  MAX_LAG,
  MEMORY_FLOOR_SHARE: gate.MEMORY_FLOOR_SHARE,
  MIN_SHARE: gate.MIN_SHARE,
  MOST_BESIDE: gate.MOST_BESIDE,
  OFFER_MS: gate.OFFER_MS,
  OF_CALLS: gate.OF_CALLS,
  PASS_MS: gate.PASS_MS,
  PAYLOAD_VERSION,
  PICKED,
  RAMP_MS: gate.RAMP_MS,
  RANKS_PER_LEVEL,
  RANKS_PER_TENANT,
  RETURN_MS: gate.RETURN_MS,
  SAMPLES_KEPT: gate.SAMPLES_KEPT,
  SAMPLES_MAX,
  SAMPLES_TRIMMED,
  SENT_MS,
  SERVICE_WINDOW: gate.SERVICE_WINDOW,
  STARVED_MS: gate.STARVED_MS,
  TARGET_LAGS,
  TENANTS,
  TENANTS_COMPARED: gate.TENANTS_COMPARED,
  TURNS_KEPT_MS: gate.TURNS_KEPT_MS,
  YIELD_SCAN: gate.YIELD_SCAN,
} as const satisfies Readonly<Record<string, Constant>>;
