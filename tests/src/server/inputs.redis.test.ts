import { expect } from "vitest";

import { get, post, problemOf, test } from "../../support/deployment/served.ts";

test("a field that the path or a header has is refused in the body", async () => {
  const cancelled = await problemOf(await post("/v1/runs/r/cancel", { id: "other", reason: "x" }));
  expect(cancelled).toMatchObject({
    status: 400,
    errors: [{ pointer: "#/id", detail: '#/id: unknown key "id" in the request' }],
  });
  const emitted = await problemOf(await post("/v1/events", { name: "e", key: "k" }));
  expect(emitted).toMatchObject({
    errors: [{ detail: '#/key: unknown key "key" in the request' }],
  });
  const signalled = await problemOf(await post("/v1/runs/r/signal", {}));
  expect(signalled).toMatchObject({ status: 400, errors: [{ pointer: "#/event" }] });
});

test("tools are listed by what they can do, by category and by whether they can be called", async () => {
  const listed = async (query: string) => {
    const { tools } = (await (await get(`/v1/tools?${query}`)).json()) as {
      tools: { id: string; binding: string | null }[];
    };
    return tools;
  };
  const all = await listed("");
  const bound = await listed("bound=true");
  expect(bound).toEqual(all.filter(({ binding }) => binding !== null));
  expect(bound.length).toBeLessThan(all.length);
  expect((await listed("capability=fetch")).map(({ id }) => id)).toContain("web.fetch");
});
