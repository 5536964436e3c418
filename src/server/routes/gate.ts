import { z } from "zod";

import type { BudgetChange, LevelSetting, ToolChange } from "../../gate/limits/forms.ts";
import { jsonObject, type Route, route } from "./route.ts";

const name = z.string().min(1).max(200);
const toolAddress = z.object({ id: name });
const budgetAddress = z.object({ name });

/** Why something waits, and the limits that decide it. */
export const gateRoutes: readonly Route[] = [
  route(
    {
      method: "get",
      path: "/v1/runs/:id/why",
      summary: "Why a run waits: the reasons, who holds what is missing, until when.",
      params: toolAddress,
    },
    async ({ params }, { tutti }) => ({
      status: 200,
      body: await tutti.why({ runId: params.id }),
    }),
  ),
  route(
    {
      method: "get",
      path: "/v1/runs/:id/analysis",
      summary:
        "Where the time of a run went: its critical path, and what would have made it shorter.",
      params: toolAddress,
    },
    async ({ params }, { tutti }) => ({ status: 200, body: await tutti.analyze(params.id) }),
  ),
  route(
    {
      method: "get",
      path: "/v1/runs/:id/steps/:step/why",
      summary: "Why a step waits, or an item of a forEach as `<id>[i]`.",
      params: z.object({ id: name, step: name }),
    },
    async ({ params }, { tutti }) => ({
      status: 200,
      body: await tutti.why({ runId: params.id, step: params.step }),
    }),
  ),
  route(
    {
      method: "get",
      path: "/v1/tools/:id/why",
      summary: "Why the next call of a tool waits.",
      params: toolAddress,
    },
    async ({ params }, { tutti }) => ({ status: 200, body: await tutti.why({ tool: params.id }) }),
  ),
  route(
    {
      method: "get",
      path: "/v1/gate",
      summary: "Machines, permits, who stands in line and why, limits, budgets, troubles.",
    },
    async (_request, { tutti }) => ({ status: 200, body: await tutti.gate.show() }),
  ),
  route(
    {
      method: "patch",
      path: "/v1/gate/tools/:id",
      summary: "Change limits of a tool at once, for calls that wait too.",
      params: toolAddress,
      body: jsonObject,
    },
    async ({ params, body }, { tutti }) => {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- its own form checks it, with all problems at once
      const change = body as unknown as ToolChange;
      return { status: 200, body: await tutti.gate.set({ ...change, tool: params.id }) };
    },
  ),
  route(
    {
      method: "patch",
      path: "/v1/gate/budgets/:name",
      summary: "Change a budget at once.",
      params: budgetAddress,
      body: jsonObject,
    },
    async ({ params, body }, { tutti }) => {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- its own form checks it, with all problems at once
      const change = body as unknown as BudgetChange;
      return { status: 200, body: await tutti.gate.set({ ...change, budget: params.name }) };
    },
  ),
  route(
    {
      method: "delete",
      path: "/v1/gate/tools/:id",
      summary: "Go back to the limits that the catalogue declares for a tool.",
      params: toolAddress,
    },
    async ({ params }, { tutti }) => ({
      status: 200,
      body: await tutti.gate.reset({ tool: params.id }),
    }),
  ),
  route(
    {
      method: "delete",
      path: "/v1/gate/budgets/:name",
      summary: "Go back to what the catalogue declares of a budget.",
      params: budgetAddress,
    },
    async ({ params }, { tutti }) => ({
      status: 200,
      body: await tutti.gate.reset({ budget: params.name }),
    }),
  ),
  route(
    {
      method: "get",
      path: "/v1/gate/level",
      summary: "The level at which the deployment works, who fixed it, and its last changes.",
    },
    async (_request, { tutti }) => ({ status: 200, body: await tutti.gate.level() }),
  ),
  route(
    {
      method: "put",
      path: "/v1/gate/level",
      summary: "Fix the level at which the deployment works, or leave it to what fails.",
      body: jsonObject,
    },
    async ({ body }, { tutti }) => {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- its own form checks it, with all problems at once
      const setting = body as unknown as LevelSetting;
      return { status: 200, body: await tutti.gate.setLevel(setting) };
    },
  ),
];
