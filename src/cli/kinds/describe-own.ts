import { AppError } from "../../errors.ts";
import type { Resource } from "../../kinds/define.ts";
import type { ApiClient } from "../client/client.ts";
import { plain } from "../output/cells.ts";
import type { Entry, Own } from "../output/describe.ts";
import { mask } from "../output/mask.ts";
import { tableLine, widthsOf } from "../output/table.ts";

/** `GET /api/v1/llms/:name/members` */
interface Members {
  poolName: string;
  explicit: boolean;
  size: number;
  activeCount: number;
  members: Resource[];
}

/** An llm: where its key is (never what it is), the pool it answers in, and its free-form settings. */
export async function ownOfLlm(llm: Resource, client: ApiClient): Promise<Own> {
  const key = llm["apiKeyRef"] as { name: string; key: string } | null | undefined;
  const settings = mask(llm["extraConfig"] ?? {}) as Record<string, unknown>;
  return {
    apiKeyRef: [
      section("API Key", key ? { Secret: key.name, Key: key.key } : {}),
      ...(await pool(llm, client)),
    ],
    poolName: [],
    extraConfig: [section("Extra Config", settings)],
  };
}

function section(title: string, values: Readonly<Record<string, unknown>>): Entry {
  return { title, entries: Object.entries(values).map(([label, value]) => ({ label, value: plain(value) })) };
}

/** The pool, when there is more to it than this one llm. Who may see the llm may not see the others: then no word. */
async function pool(llm: Resource, client: ApiClient): Promise<readonly Entry[]> {
  let members: Members;
  try {
    members = await client.call<Members>("GET", `/api/v1/llms/${llm.name}/members`);
  } catch (error) {
    if (error instanceof AppError && (error.code === "not_found" || error.code === "forbidden")) return [];
    throw error;
  }
  if (!members.explicit && members.size < 2) return [];
  const rows = members.members.map((member) => [
    member.name,
    plain(member["origin"]),
    plain(member["status"]),
    member.id === llm.id ? "← this row" : "",
  ]);
  const widths = widthsOf(rows);
  const lines = [
    `Name:      ${members.poolName}`,
    `Active:    ${members.activeCount} of ${members.size}`,
    "Members:",
    ...rows.map((row) => `  ${tableLine(row, widths)}`),
  ];
  return [{ title: "Pool", lines }];
}

/** The lines of a project about the llm it prefers, whose status the server has looked up. */
export function ownOfProject(project: Resource): Own {
  const llm = project["llmProvider"];
  const model = project["llmModel"];
  const warning =
    project["llmStatus"] === "unregistered"
      ? " [warning: no Llm registered with this name — will fall back to registry default]"
      : "";
  return {
    llmProvider: [{ label: "LLM", value: `${plain(llm)}${warning}` }],
    llmStatus: [],
    ...(model !== undefined &&
      model !== null && { llmModel: [{ label: "LLM Model", value: `${model} (override)` }] }),
  };
}
