import { LRUCache } from "lru-cache";

import type { TreeOf } from "../../../queues/client.ts";
import { compile } from "./compile.ts";
import { layOut, type Layout } from "./layout.ts";

/** Laying a large workflow out again for each of its runs would be a waste. */
const layouts = new LRUCache<string, Layout>({ max: 100 });

/** Keeps the layout of a plan, so that its runs need not find it again. */
export function rememberLayout(hash: string, layout: Layout): void {
  layouts.set(hash, layout);
}

/** The jobs of a run, from what its record knows. */
export const treeOf: TreeOf = (definition, hash, request) => {
  // An epoch of a resumed run is laid out once.
  if (request.reopened !== undefined)
    return compile({ definition, hash, layout: layOut(definition, request.reopened) }, request);
  const layout = layouts.get(hash) ?? layOut(definition);
  layouts.set(hash, layout);
  return compile({ definition, hash, layout }, request);
};
