import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { question, withProvider } from "../server/inference/setup.ts";
import { must } from "../support/server.ts";
import { goodProvider } from "../support/upstream.ts";

interface Panel {
  id: number;
  type: string;
  title: string;
  datasource?: { uid: string };
  gridPos: { x: number; y: number; w: number; h: number };
  targets?: { expr: string; datasource: { uid: string } }[];
}

const dashboard = JSON.parse(
  readFileSync(join(import.meta.dirname, "../../packaging/grafana/mcpctl.json"), "utf8"),
);
const panels: Panel[] = dashboard.panels;
const queries = [
  ...panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
  ...dashboard.templating.list.map(({ definition }: { definition?: string }) => definition ?? ""),
];

const functions = new Set(["sum", "by", "rate", "increase", "histogram_quantile", "label_values", "le"]);
/** Names that Prometheus and Grafana add. */
const given = new Set(["job", "instance", "le"]);

/** Names of metrics in a query, and those of labels that it selects or groups by. */
function namesIn(query: string): { metrics: string[]; labels: string[] } {
  const selectors = [...query.matchAll(/\{([^}]*)\}/g)].flatMap(([, inside]) => [
    ...inside!.matchAll(/(\w+)(?:=~|!=|=)/g),
  ]);
  const groups = [...query.matchAll(/by \(([^)]*)\)/g)].flatMap(([, inside]) => inside!.split(/, */));
  const asked = /^label_values\(\w+, (\w+)\)$/.exec(query)?.[1];
  const rest = query
    .replace(/^label_values\((\w+), \w+\)$/, "$1")
    .replace(/\{[^}]*\}|by \([^)]*\)|\[[^\]]*\]/g, " ");
  return {
    metrics: [...rest.matchAll(/[a-z_][a-z_0-9]*/g)]
      .map(([name]) => name)
      .filter((name) => !functions.has(name)),
    labels: [...selectors.map(([, name]) => name!), ...groups, ...(asked ? [asked] : [])].filter(
      (name) => !given.has(name),
    ),
  };
}

describe("the Grafana dashboard", () => {
  it("asks for nothing that a server does not have", async () => {
    const { server, call } = await withProvider(goodProvider);
    await must(call("POST", "/v1/chat/completions", { ...question, stream: true }));
    // One that fails, for the labels that only failures have.
    await call("POST", "/v1/chat/completions", { ...question, messages: [] });
    const { text } = await must(server.admin("GET", "/metrics"));
    const declared = new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name!));
    let checked = 0;
    for (const query of queries) {
      const { metrics, labels } = namesIn(query);
      for (const metric of metrics) {
        checked++;
        const base = metric.replace(/_(bucket|sum|count)$/, "");
        expect([query, declared.has(metric) || declared.has(base)]).toEqual([query, true]);
        const samples = text.split("\n").filter((line) => line.startsWith(`${metric}{`));
        // Without a sample nothing is known of its labels: nothing was tried again, nothing is traced.
        if (samples.length === 0) continue;
        for (const label of labels)
          expect([query, label, samples.some((line) => line.includes(`${label}="`))]).toEqual([
            query,
            label,
            true,
          ]);
      }
    }
    expect(checked).toBeGreaterThan(30);
  });

  it("finds in a query what it asks for", () => {
    expect(
      namesIn(
        'histogram_quantile(0.5, sum by (le, model) (rate(a_bucket{job=~"$job",x!=""}[5m]))) / b{y="1"}',
      ),
    ).toEqual({ metrics: ["a_bucket", "b"], labels: ["x", "y", "model"] });
    expect(namesIn("label_values(a_count, model)")).toEqual({ metrics: ["a_count"], labels: ["model"] });
  });

  it("can be imported: no panel stands on another, and all ask the data source that is chosen", () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const taken = new Set<string>();
    for (const { title, gridPos, datasource, targets, type } of panels) {
      const { x, y, w, h } = gridPos;
      expect([title, x + w <= 24]).toEqual([title, true]);
      for (let column = x; column < x + w; column++)
        for (let line = y; line < y + h; line++) {
          expect([title, taken.has(`${column},${line}`)]).toEqual([title, false]);
          taken.add(`${column},${line}`);
        }
      if (type === "row") continue;
      expect(datasource?.uid).toBe("${" + "datasource}");
      for (const target of targets!) expect(target.datasource.uid).toBe(datasource!.uid);
    }
    const rows = panels.filter(({ type }) => type === "row").map(({ title }) => title);
    expect(rows).toEqual(["Traffic", "Latency", "Tokens", "Errors", "Streams", "Secrets", "Process"]);
    expect(dashboard.templating.list[0]).toMatchObject({ name: "datasource", type: "datasource" });
  });
});
