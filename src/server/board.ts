import { createBullBoard } from "@bull-board/api";
import { BullMQAdapter } from "@bull-board/api/bullMQAdapter";
import { ExpressAdapter } from "@bull-board/express";
import type { Queue } from "bullmq";
import type { RequestHandler } from "express";

/** Each poll costs about 15 Redis commands per queue. Seconds. */
const POLL_SECONDS = 10;

/** Queues of the control jobs; a hand that retries or removes those breaks the run they belong to. */
const CONTROL_PREFIX = "tutti.";

/**
 * Bull Board over the same Queue objects that runs are submitted through.
 *
 * @param queues asked at every request, because a tool's queue is opened when it is first needed.
 */
export function board(path: string, queues: () => readonly Queue[]): RequestHandler {
  const serverAdapter = new ExpressAdapter();
  serverAdapter.setBasePath(path);
  const adapters = new Map<Queue, BullMQAdapter>();
  const adapt = (queue: Queue): BullMQAdapter => {
    const known = adapters.get(queue) ?? adapterFor(queue);
    adapters.set(queue, known);
    return known;
  };
  const bullBoard = createBullBoard({
    queues: queues().map(adapt),
    serverAdapter,
    options: {
      uiConfig: {
        boardTitle: "Tutti",
        showWorkers: false,
        pollingInterval: { showSetting: false, forceInterval: POLL_SECONDS },
        overview: { groupByDelimiter: true },
        hideDocsLink: true,
        sortQueues: true,
        // The interface would load its font from Google; nothing here talks to the outside.
        theme: { light: { "font-sans": SANS }, dark: { "font-sans": SANS } },
      },
    },
  });
  const router: RequestHandler = serverAdapter.getRouter();
  return (request, response, next) => {
    const current = queues();
    if (current.length !== adapters.size) bullBoard.replaceQueues(current.map(adapt));
    return router(request, response, next);
  };
}

const SANS = "system-ui, sans-serif";

function adapterFor(queue: Queue): BullMQAdapter {
  return new BullMQAdapter(queue, {
    readOnlyMode: queue.name.startsWith(CONTROL_PREFIX),
    delimiter: ".",
  });
}
