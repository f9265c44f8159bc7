import type { Page, Route } from "playwright-core";

/** The time in the pictures. */
export const shownAt = new Date("2026-11-28T15:42:00Z");

const models = ["gpt", "claude", "qwen", "gemma"] as const;
const users = ["alice", "bob", "mia"] as const;

/** The calls of the last hour: always the same. */
function shownCalls(): object[] {
  let state = 7;
  const next = (below: number) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * below);
  };
  return Array.from({ length: 240 }, (_, i) => {
    const at = new Date(shownAt.getTime() - i * 14_000 - next(9000)).toISOString();
    const llm = models[next(4)]!;
    const isFailed = next(19) === 0;
    const [promptTokens, completionTokens] = [200 + next(3000), isFailed ? 0 : 40 + next(900)];
    const price = llm === "gpt" ? 1.1 : llm === "claude" ? 9 : 0;
    return {
      ...{ at, action: "llm_inference_call", user: users[next(3)], llm, model: llm, dialect: "openai" },
      requestId: `req_${(0x8f2c41d07b93 + i).toString(16)}`,
      ...{ status: isFailed ? 529 : 200, durationMs: 300 + next(4000), ttftMs: 90 + next(400) },
      ...{ promptTokens, completionTokens, cost: ((promptTokens + completionTokens) * price) / 1e6 },
      ...(isFailed && { error: "provider_error" }),
    };
  });
}

/**
 * Lets a page see the answers of its server with times, durations and sizes that are the same in every picture. Streams
 * of changes end at once, and are those of a list.
 */
export async function steadyAnswers(page: Page): Promise<void> {
  await page.route(/\/api\/v1\//, async (route) => {
    const url = new URL(route.request().url());
    if (url.pathname === "/api/v1/audit") return route.fulfill(auditAnswer(url));
    if (url.searchParams.get("watch") !== "1") return steady(route);
    url.searchParams.delete("watch");
    const response = await route.fetch({ url: url.href });
    if (!response.ok()) return route.fulfill({ response });
    const events = (JSON.parse(steadyText(await response.text())) as object[]).map((one) =>
      JSON.stringify(one),
    );
    const body = `${events.map((data) => `event: added\ndata: ${data}\n\n`).join("")}event: synced\ndata: {}\n\n`;
    return route.fulfill({ contentType: "text/event-stream", body });
  });
}

async function steady(route: Route): Promise<void> {
  if (route.request().method() !== "GET") return route.continue();
  const response = await route.fetch();
  const type = response.headers()["content-type"] ?? "";
  if (!type.includes("json")) return route.fulfill({ response });
  return route.fulfill({ response, body: steadyText(await response.text()) });
}

function auditAnswer(url: URL): { contentType: string; body: string } {
  if (url.searchParams.get("watch") === "1") return { contentType: "text/event-stream", body: "" };
  const until = url.searchParams.get("until");
  return { contentType: "application/json", body: JSON.stringify(until === null ? shownCalls() : []) };
}

/** Puts times of today, and what is different in every run, to what is in the pictures. */
function steadyText(text: string): string {
  const today = new Date().toISOString().slice(0, 10);
  return text
    .replace(new RegExp(`${today}T[\\d:.]+Z`, "g"), new Date(shownAt.getTime() - 240_000).toISOString())
    .replace(/"resetsAt":"[^"]+"/g, '"resetsAt":"2026-11-29T00:00:00.000Z"')
    .replace(/"latencyMs":(?:\d+|null)/g, '"latencyMs":240')
    .replace(/"(bytes|logBytes)":\d+/g, '"$1":4200000')
    .replace(/"freeBytes":\d+/g, '"freeBytes":182000000000')
    .replace(/"open":\d+/g, '"open":12')
    .replace(
      /"health":null/g,
      `"health":{"status":"ok","since":"${shownAt.toISOString()}","checkedAt":"${shownAt.toISOString()}","latencyMs":240,"lastError":null}`,
    );
}
