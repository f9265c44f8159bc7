import { type Static, Type } from "@sinclair/typebox";
import { Time, Words } from "../../client/answers.ts";
import { answerShape } from "../../client/shape.ts";
import { plain } from "../../output/cells.ts";
import { costText } from "../../output/numbers.ts";
import { type Layout, layoutOf, type TableColumn } from "../../output/table.ts";

const some = Type.Optional;
const orNull = Type.Union([Words, Type.Null()]);

const ApiAuditEvent = Type.Object({
  at: Time,
  action: Words,
  requestId: Words,
  user: orNull,
  token: some(Words),
  userId: orNull,
  userDeletedAt: some(Time),
  tokenId: orNull,
  tokenDeletedAt: some(Time),
  status: Type.Number(),
  llm: some(Words),
  poolMember: some(Words),
  model: some(Words),
  dialect: some(Words),
  streaming: some(Type.Boolean()),
  durationMs: some(Type.Number()),
  ttftMs: some(Type.Number()),
  promptTokens: some(Type.Number()),
  completionTokens: some(Type.Number()),
  cachedTokens: some(Type.Number()),
  cacheWriteTokens: some(Type.Number()),
  images: some(Type.Number()),
  seconds: some(Type.Number()),
  characters: some(Type.Number()),
  searches: some(Type.Number()),
  fileSearches: some(Type.Number()),
  containers: some(Type.Number()),
  estimated: some(Type.Boolean()),
  cost: some(Type.Number()),
  error: some(Words),
  detail: some(Type.Record(Type.String(), Type.Unknown())),
  type: some(Words),
  rules: some(
    Type.Array(
      Type.Object({
        rule: Words,
        subject: some(Words),
        grant: Words,
        changedSince: some(Type.Boolean()),
      }),
    ),
  ),
});

/** An event of `GET /api/v1/audit`. Members without a value are left out. */
export type ApiAuditEvent = Static<typeof ApiAuditEvent>;
export const auditEvent = answerShape(ApiAuditEvent);
export const auditEvents = answerShape(Type.Array(ApiAuditEvent));

interface Column extends TableColumn {
  wide?: true;
  /** The usual width of its cells, so that lines that are printed one by one are aligned. */
  width: number;
  of(event: ApiAuditEvent): unknown;
}

const columns: readonly Column[] = [
  { header: "TIME", whole: true, width: 20, of: ({ at }) => at.replace(/\.\d+Z$/, "Z") },
  { header: "USER", width: 8, of: actor },
  { header: "TOKEN", rank: 70, width: 8, of: tokenText },
  { header: "ACTION", width: 18, of: ({ action }) => action },
  { header: "TARGET", width: 16, of: target },
  { header: "STATUS", width: 6, of: ({ status }) => status },
  { header: "DURATION", rank: 50, width: 8, of: ({ durationMs }) => span(durationMs) },
  { header: "TOKENS", rank: 60, width: 9, of: tokens },
  { header: "ERROR", width: 5, of: ({ error }) => error },
  { header: "MODEL", wide: true, width: 12, of: ({ model }) => model },
  { header: "DIALECT", wide: true, width: 10, of: ({ dialect }) => dialect },
  { header: "STREAM", wide: true, width: 6, of: ({ streaming }) => (streaming ? "yes" : undefined) },
  { header: "FIRST-TOKEN", wide: true, width: 11, of: ({ ttftMs }) => span(ttftMs) },
  { header: "CACHED", wide: true, width: 6, of: ({ cachedTokens }) => cachedTokens || undefined },
  { header: "UNITS", wide: true, width: 12, of: units },
  { header: "COST", wide: true, width: 9, of: cost },
  { header: "REQUEST-ID", wide: true, width: 20, of: ({ requestId }) => requestId },
];

/** The columns of a table of events. */
export function auditColumns(wide: boolean): TableColumn[] {
  return wide ? columns.map(({ header, whole }) => ({ header, whole })) : columns.filter((one) => !one.wide);
}

/** The layout of lines that are printed one by one, before their cells are known. */
export function auditLayout(wide: boolean, terminalWidth: number | undefined): Layout {
  const usual = columns.filter((one) => wide || !one.wide).map(({ width }) => "-".repeat(width));
  return layoutOf(auditColumns(wide), [usual], terminalWidth);
}

/** The cells of one event. */
export function auditCells(event: ApiAuditEvent, wide: boolean): string[] {
  return columns.filter((column) => wide || !column.wide).map((column) => plain(column.of(event)));
}

/** Returns the token; of a deleted one `ci (deleted)`. */
export function tokenText({ token, tokenId, tokenDeletedAt }: ApiAuditEvent): string | null {
  return tokenDeletedAt === undefined ? (token ?? tokenId) : `${token} (deleted)`;
}

/** Returns the user, with the one who acted as that user: `bob (by admin)`. */
export function actor({ user, userId, userDeletedAt, detail }: ApiAuditEvent): string | null {
  const by = detail?.["impersonatedBy"];
  const name = userDeletedAt === undefined ? (user ?? userId) : `${user} (deleted)`;
  return typeof by === "string" && name !== null ? `${name} (by ${by})` : name;
}

/** The object of an event: the llm, with the pool member that answered, a server with its tool, or `kind/name`. */
export function target({ llm, poolMember, detail }: ApiAuditEvent): string | undefined {
  if (llm !== undefined) return poolMember === undefined ? llm : `${llm}/${poolMember}`;
  const { kind, name, project, server, tool, prompt, uri, asked } = detail ?? {};
  const called = tool ?? prompt ?? uri;
  // A tool of the gate belongs to the project itself.
  if (typeof called === "string") return `${server ?? project}/${called}`;
  if (typeof name !== "string") return typeof asked === "string" ? asked : undefined;
  return typeof kind === "string" ? `${kind}/${name}` : name;
}

/** `12+340`: tokens of the prompt and of the answer; `~12+340` if they are estimated. */
function tokens({ promptTokens, completionTokens, estimated }: ApiAuditEvent): string | undefined {
  if (!promptTokens && !completionTokens) return undefined;
  return `${estimated ? "~" : ""}${promptTokens ?? 0}+${completionTokens ?? 0}`;
}

/** Dollars; a call with tokens and without a price did not cost nothing. */
export function cost(event: ApiAuditEvent): string | undefined {
  if (event.cost !== undefined) return costText(event.cost);
  return event.promptTokens || event.completionTokens || units(event) ? "unpriced" : undefined;
}

/** Formats the units that a call used besides tokens: `12 characters`. */
export function units(event: ApiAuditEvent): string | undefined {
  const names = ["images", "seconds", "characters", "searches", "fileSearches", "containers"] as const;
  const words = (name: string) => name.replace("fileS", "file s");
  const used = names.filter((name) => event[name]).map((name) => `${Math.ceil(event[name]!)} ${words(name)}`);
  return used.length > 0 ? used.join(", ") : undefined;
}

/** Milliseconds as `85ms` or `3.2s`. */
export function span(milliseconds: number | undefined): string | undefined {
  if (milliseconds === undefined) return undefined;
  return milliseconds < 1000 ? `${Math.round(milliseconds)}ms` : `${(milliseconds / 1000).toFixed(1)}s`;
}
