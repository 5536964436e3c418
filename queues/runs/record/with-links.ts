import { bullFunction } from "../../connection/index.ts";

/** A script that includes parts/links.lua, with the BullMQ script that it calls. */
export const withLinks = (lua: string): string =>
  `local releaseParent = ${bullFunction("releaseParentIfNoPendingDependencies")}\n${lua}`;
