/** What talks to Redis, and what runs jobs: commands that do neither do not load it. */
export { bindTools, builtInHandlers, secretSource } from "../../../processors/index.ts";
export { openRedis } from "../../../queues/embedded-redis/index.ts";
export { Tutti } from "../../tutti.ts";
export { startWorker } from "../../worker.ts";
