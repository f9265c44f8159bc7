import { describe, expect, it } from "vitest";
import {
  listPieces,
  longResponse,
  objectPieces,
  pieceCharacters,
} from "../../../src/server/http/long-response.ts";
import { Metrics } from "../../../src/server/observability/metrics.ts";
import { must, testServer } from "../../support/server.ts";
import { spin } from "../../support/turns.ts";
import { watchKind } from "../../support/watch.ts";

describe("a long response (T128)", () => {
  it.each([0, 1, 2, 5])("of %d long rows is the JSON list of them", async (count) => {
    const rows = Array.from({ length: count }, (_, n) => ({ n, text: "é".repeat(pieceCharacters) }));
    const response = longResponse(
      listPieces(rows, ({ n, text }) => ({ n, text })),
      { "content-type": "application/json", "x-own": "1" },
    );
    expect(response.headers.get("x-own")).toBe("1");
    expect(await response.json()).toEqual(rows);
  });

  it("makes its pieces in several turns, and none for a reader who has left", async () => {
    let made = 0;
    const rows = Array.from({ length: 50 }, (_, n) => n);
    const show = () => {
      made++;
      return { text: "x".repeat(pieceCharacters) };
    };
    const response = longResponse(listPieces(rows, show), {});
    expect(made).toBe(2);
    const reader = response.body!.getReader();
    await reader.read();
    await reader.cancel();
    await new Promise((resolve) => setImmediate(resolve));
    expect(made).toBeLessThan(10);
  });

  it("is made in more pieces if it takes long to show a row (T329)", () => {
    const rows = Array.from({ length: 200 }, (_, n) => ({ n }));
    const show = (row: { n: number }) => {
      spin(0.5);
      return row;
    };
    const pieces = [...listPieces(rows, show)];
    expect(pieces.length).toBeGreaterThan(5);
    expect(JSON.parse(pieces.join(""))).toEqual(rows);
  });

  it.each([{}, { a: 1 }])("of an object has its fields and lists: %j", (object) => {
    const list = [{ text: "x".repeat(pieceCharacters) }, { text: "y".repeat(pieceCharacters) }, { n: 3 }];
    const lists = { one: listPieces(list, (item) => item), none: listPieces([], () => ({})) };
    const pieces = [...objectPieces(object, lists)];
    expect(pieces.length).toBe(3);
    expect(JSON.parse(pieces.join(""))).toEqual({ ...object, one: list, none: [] });
  });

  it("of metrics is what a short one would be", () => {
    const metrics = new Metrics();
    metrics.gauge("a", "A", () => 1);
    for (let n = 0; n < 50; n++) metrics.series("mcpctl_http_requests_total", { n }).add();
    const pieces = [...metrics.pieces(500)];
    expect(pieces.length).toBeGreaterThan(3);
    expect(pieces.join("")).toBe(metrics.render());
  });
});

it("a watch of many rows sends them in turns, and then the changes that came meanwhile (T128)", async () => {
  const server = await testServer();
  const names = Array.from({ length: 250 }, (_, n) => `p${String(n).padStart(3, "0")}`);
  for (let at = 0; at < names.length; at += 50)
    await Promise.all(
      names.slice(at, at + 50).map((name) => must(server.admin("POST", "/api/v1/projects", { name }))),
    );
  const { bearer } = await server.token("viewer", [{ role: "view", resource: "projects" }]);
  const watch = await watchKind(server, bearer, "projects");
  const changed = must(server.admin("PUT", "/api/v1/projects/p249", { description: "changed" }));
  const events = [];
  while (events.at(-1)?.type !== "modified") events.push((await watch.next())!);
  await changed;
  const kinds = events.map(({ type }) => type);
  expect(kinds).toEqual([...names.map(() => "added"), "synced", "modified"]);
  expect(events.slice(0, 250).map(({ data }) => data.name)).toEqual(names);
  expect(events.at(-1)!.data).toMatchObject({ name: "p249", description: "changed" });
});
