import { createRequire } from "node:module";

import type * as Ioredis from "ioredis";
import type * as Msgpackr from "msgpackr";

import { once } from "../../config/index.ts";

const require = createRequire(import.meta.url);

/** Loaded when the first connection is opened. */
export const ioredis = once(() => require("ioredis") as typeof Ioredis);
/** Loaded when the first argument of BullMQ is unpacked. `require`: BullMQ has loaded it in this form. */
export const msgpackr = once(() => require("msgpackr") as typeof Msgpackr);
