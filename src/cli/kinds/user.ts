import { Type } from "@sinclair/typebox";
import { AppError } from "../../errors.ts";
import type { Resource } from "../../kinds/define.ts";
import { kindOf } from "../../kinds/index.ts";
import { rightsAnswer } from "../client/account-answers.ts";
import { isUnexpectedAnswer } from "../client/answer-text.ts";
import { listOf, Words } from "../client/answers.ts";
import { answerShape } from "../client/shape.ts";
import type { Context } from "../core/context.ts";
import { age, plain } from "../output/cells.ts";
import type { DescriptionEntry } from "../output/describe.ts";
import { tableLine, widthsOf } from "../output/table.ts";
import type { KindExtension } from "./extension.ts";
import { grantWords, ruleSource } from "./held-rules.ts";

export const user: KindExtension = {
  /** The rights of the user, its tokens and its use of this month, as far as the reader may see them. */
  async describe(user, context) {
    const sections = await Promise.all([rights(user, context), tokens(user, context), use(user, context)]);
    const password = { label: "Password", value: user["hasPassword"] === true ? "yes" : "no" };
    return { hasPassword: [password, ...sections.flat()] };
  },
};

async function rights(user: Resource, context: Context): Promise<DescriptionEntry[]> {
  const client = await context.client();
  const query = { user: user.name };
  const rules = await ifAllowed(client.call("GET", "/api/v1/auth/rights", { query, answer: rightsAnswer }));
  const rows = rules?.map((rule) => [
    ...grantWords(rule),
    `by ${ruleSource(rule)}${rule.via.startsWith("group ") ? ` (${rule.via})` : ""}${rule.isStale ? ", whose object is gone" : ""}`,
  ]);
  return section("Rights", rows, "none");
}

async function tokens(user: Resource, context: Context): Promise<DescriptionEntry[]> {
  const client = await context.client();
  const kind = kindOf("token");
  const found = await ifAllowed(client.call("GET", `/api/v1/${kind.plural}`, { answer: listOf(kind) }));
  const rows = found
    ?.filter(({ owner }) => owner === user.name)
    .map(({ name, lastUsedAt, status }) => [
      name,
      plain(status),
      typeof lastUsedAt === "string" ? `used ${age(lastUsedAt, context.now())}` : "never used",
    ]);
  return section("Tokens", rows, "none");
}

const usageAnswer = answerShape(
  Type.Array(Type.Record(Type.String(), Type.Union([Words, Type.Number(), Type.Null()]))),
);

async function use(user: Resource, context: Context): Promise<DescriptionEntry[]> {
  const client = await context.client();
  const query = { by: "llm", user: user.name };
  const lines = await ifAllowed(client.call("GET", "/api/v1/usage", { query, answer: usageAnswer }));
  const rows = lines?.map((line) => [
    String(line["llm"] ?? "-"),
    `${line["requests"]} requests`,
    `${Number(line["promptTokens"] ?? 0) + Number(line["completionTokens"] ?? 0)} tokens`,
  ]);
  return section("Use This Month", rows, "none");
}

function section(title: string, rows: string[][] | undefined, none: string): DescriptionEntry[] {
  if (!rows) return [];
  const widths = widthsOf(rows);
  return [{ title, lines: rows.length === 0 ? [none] : rows.map((row) => tableLine(row, widths)) }];
}

/** The answer; undefined where the caller may not see it, or an older server has no such thing. */
async function ifAllowed<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (isUnexpectedAnswer(error) || !(error instanceof AppError)) throw error;
    if (!["forbidden", "not_found"].includes(error.code)) throw error;
    return undefined;
  }
}
