import { describe, expect, test as plain } from "vitest";

import { withoutOutside } from "../../../src/server/http/board.ts";
import { server, test } from "../../support/deployment/served.ts";

/** Names of languages, which look like addresses and are never fetched. */
const NAMESPACE = /^https?:\/\/(www\.w3\.org|json-schema\.org)\//;
const addressesIn = (text: string): string[] =>
  [...text.matchAll(/(?:[a-z][a-z0-9+.-]*:)?\/\/[a-z0-9-]+(?:\.[a-z0-9-]+)+[^\s"'<>)]*/gi)]
    .map(([address]) => address)
    .filter((address) => !NAMESPACE.test(address));

test("Bull Board's page and what it loads name no outside address, and may load none", async () => {
  const seen = new Set<string>();
  const waiting = [server.boardUrl];
  let styles = 0;
  for (let address = waiting.pop(); address !== undefined; address = waiting.pop()) {
    if (seen.has(address)) continue;
    seen.add(address);
    const response = await fetch(address);
    expect(response.status, address).toBe(200);
    const type = response.headers.get("content-type") ?? "";
    const policy = response.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toMatch(/https?:|\*/);
    const text = await response.text();
    if (type.includes("html")) {
      expect(addressesIn(text)).toEqual([]);
      const base = new URL(/<base href="([^"]+)"/.exec(text)![1]!, address);
      const loaded = [...text.matchAll(/<(?:link|script|img)\b[^>]*\b(?:href|src)="([^"]+)"/g)];
      for (const [, path] of loaded) waiting.push(new URL(path!, base).href);
      expect(loaded.length).toBeGreaterThan(4);
    }
    if (type.includes("css")) {
      styles++;
      expect(text).not.toMatch(/@import|url\(\s*["']?(?:https?:)?\/\//);
      expect(addressesIn(text)).toEqual([]);
    }
    if (type.includes("svg")) expect(addressesIn(text)).toEqual([]);
  }
  for (const address of seen) expect(new URL(address).host).toBe(new URL(server.boardUrl).host);
  expect(styles).toBe(1);
});

describe("what a page would load from elsewhere is taken out of it:", () => {
  plain.each([
    '<link href="https://fonts.googleapis.com/css2?family=X:wght@400&display=swap" rel="stylesheet">',
    '<link rel="preconnect" href="//fonts.gstatic.com" crossorigin>',
    "<link rel=stylesheet href=http://x.test/a.css>",
    "<LINK HREF='HTTPS://x.test/a.css' />",
    '<script defer src="https://x.test/a.js"></script>',
    '<script\n  src = "//x.test/a.js"\n></script >',
  ])("%s", (element) => {
    const page = `<head>${element}<link href="static/a.css" rel="stylesheet"></head>`;
    expect(withoutOutside(page)).toBe('<head><link href="static/a.css" rel="stylesheet"></head>');
  });

  plain.each([
    '<link href="static/a.css" rel="stylesheet">',
    '<script defer src="static/a.js"></script>',
    '<link rel="icon" href="/admin/queues/static/images/logo.svg">',
    '<base href="/admin/queues/" />',
  ])("%s stays", (element) => {
    expect(withoutOutside(element)).toBe(element);
  });
});
