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
 * @param queues asked at every request, because lanes come and go.
 */
export function board(path: string, queues: () => Promise<readonly Queue[]>): RequestHandler {
  const serverAdapter = new ExpressAdapter();
  serverAdapter.setBasePath(path);
  let adapters = new Map<Queue, BullMQAdapter>();
  const bullBoard = createBullBoard({
    queues: [],
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
  return async (request, response, next) => {
    const current = await queues();
    if (current.length !== adapters.size || !current.every((queue) => adapters.has(queue))) {
      adapters = new Map(
        current.map((queue) => [queue, adapters.get(queue) ?? adapterFor(queue)] as const),
      );
      bullBoard.replaceQueues([...adapters.values()]);
    }
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
