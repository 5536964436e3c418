import { createBullBoard } from "@bull-board/api";
import { BullMQAdapter } from "@bull-board/api/bullMQAdapter";
import { ExpressAdapter } from "@bull-board/express";
import type { Queue } from "bullmq";
import type { RequestHandler } from "express";

import { CONTROL_PREFIX } from "../../../queues/client.ts";

/** Each poll costs about 15 Redis commands per queue. Seconds. */
const POLL_SECONDS = 10;

/**
 * Bull Board over the same Queue objects that runs are submitted through.
 *
 * @param queues asked at every request, because lanes come and go.
 */
export function board(path: string, queues: () => Promise<readonly Queue[]>): RequestHandler {
  const serverAdapter = new InsideAdapter();
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
        // Without the font that the page would load from elsewhere.
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

/** Elements that load something, with an address that begins with a host: the page's own have paths. */
const OUTSIDE =
  /<(link|script)\b[^>]*\b(?:href|src)\s*=\s*["']?\s*(?:[a-z][a-z0-9+.-]*:)?\/\/[^>]*>(?:\s*<\/script\s*>)?\s*/gi;

/** A page without what it would load from elsewhere: nothing here talks to the outside, nor has a browser do it. */
export function withoutOutside(html: string): string {
  return html.replaceAll(OUTSIDE, "");
}

/** Bull Board for express, whose page loads nothing from elsewhere. */
class InsideAdapter extends ExpressAdapter {
  override setEntryRoute(view: Parameters<ExpressAdapter["setEntryRoute"]>[0]): this {
    this.app[view.method](view.route, (_request, response, next) => {
      const { basePath, uiConfig } = this;
      const { name, params } = view.handler({ basePath, uiConfig });
      response.render(name, params, (error: Error | null, html = "") => {
        if (error === null) response.type("html").send(withoutOutside(html));
        else next(error);
      });
    });
    return this;
  }
}

const SANS = "system-ui, sans-serif";

function adapterFor(queue: Queue): BullMQAdapter {
  return new BullMQAdapter(queue, {
    // A hand that retries or removes control jobs breaks the run they belong to.
    readOnlyMode: queue.name.startsWith(CONTROL_PREFIX),
    delimiter: ".",
  });
}
