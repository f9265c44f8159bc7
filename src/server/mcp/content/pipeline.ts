import type { JsonObject } from "../../../mcp/messages.ts";
import { RpcError, rpcCodes } from "../../../mcp/rpc-error.ts";
import { type Principal, personalIds } from "../../core/access/policy.ts";
import { oncePerObject } from "../../core/once-per-object.ts";
import type { Snapshot } from "../../core/store/snapshot.ts";
import type { McpServerRow, ProjectRow } from "../../core/store/typed-rows.ts";
import type { LlmUse } from "../project-llm.ts";
import { proxyModelOf } from "../proxy-model.ts";
import type { KeptResult, KeptResults } from "./kept-results.ts";
import { entriesOf, firstNotice, plainSummary } from "./part-index.ts";
import { askForOf, type DescribeParts } from "./part-reader.ts";
import { partArguments, partUri } from "./part-request.ts";
import type { PartTitles } from "./part-titles.ts";
import { planOf, runStages, type StagePlan } from "./stage-plan.ts";
import type { StageInput, StageWork } from "./stages/define.ts";
import { type ContentMethod, isContentMethod, mapAllTexts, textsIn, withTexts } from "./texts.ts";

export interface ContentOptions {
  snapshot(): Snapshot;
  works: Readonly<Record<string, StageWork>>;
  kept: KeptResults;
  titles: PartTitles;
  onError(error: unknown): void;
}

/** The call that a result belongs to. */
export interface ContentUse extends Pick<LlmUse, "project" | "requestId"> {
  method: string;
  caller: { principal: Principal };
}

/** The thing that gave a result. */
export interface ContentSource {
  server: McpServerRow;
  /** The name or URI that the client used. */
  subject: string;
  /** The definition of a tool. */
  definition?: JsonObject;
  /** True if the result is not for a client: what must be hidden is, but it stays whole. */
  isWhole?: boolean;
}

/** Sends the texts of results through the stages of a project's proxy model. */
export class ContentPipeline {
  readonly #options: ContentOptions;
  readonly #planOf: (stages: readonly { type: string }[]) => StagePlan;

  constructor(options: ContentOptions) {
    this.#options = options;
    this.#planOf = oncePerObject((stages) => planOf(stages, options.works));
  }

  /** Returns a result as the client gets it. It is the same object if nothing has to be changed. */
  apply(use: ContentUse, source: ContentSource, result: JsonObject): JsonObject | Promise<JsonObject> {
    const { project, method } = use;
    const { hiding, others: all } = this.#plan(project);
    const others = source.isWhole ? [] : all;
    if (hiding.length + others.length === 0 || !isContentMethod(method)) return result;
    const type = result["resultType"];
    if (type !== undefined && type !== "complete") return result;
    return this.#run(use, source, method, result, { hiding, others });
  }

  async #run(
    use: ContentUse,
    source: ContentSource,
    method: ContentMethod,
    result: JsonObject,
    { hiding, others }: Pick<StagePlan, "hiding" | "others">,
  ): Promise<JsonObject> {
    const { project } = use;
    const shown = hiding.length > 0 ? await this.#hide(project, method, result, hiding) : result;
    if (shown["isError"] === true) return shown;
    const texts = textsIn(method, shown).map(({ text }) => text);
    if (texts.length === 0 || others.length === 0) return shown;
    const output = await runStages(others, texts, (stage, error) => this.#failed(project, stage, error));
    if (output.cut) return this.#cut(use, source, method, shown, output);
    const isSame = output.notes.length === 0 && output.texts.every((text, i) => text === texts[i]);
    if (isSame) return shown;
    const note = { text: `[${output.notes.join(" ")}]`, uri: source.subject };
    return withTexts(method, shown, output.texts, output.notes.length > 0 ? note : undefined);
  }

  #plan(project: ProjectRow): StagePlan {
    return this.#planOf(proxyModelOf(this.#options.snapshot(), project).stages as { type: string }[]);
  }

  /** Lets stages hide what clients must not read. If one fails, the result is not passed on. */
  async #hide(
    project: ProjectRow,
    method: ContentMethod,
    result: JsonObject,
    hiding: StagePlan["hiding"],
  ): Promise<JsonObject> {
    let failed: string | undefined;
    const shown = await mapAllTexts(method, result, async (texts) => {
      const output = await runStages(hiding, texts, (stage, error) => {
        failed = stage;
        this.#failed(project, stage, error);
      });
      return output.texts;
    });
    if (failed === undefined) return shown;
    throw new RpcError(
      rpcCodes.internalError,
      `the stage ${failed} of proxy model ${project.spec.proxyModel} failed, so the result is not passed on`,
    );
  }

  #failed({ name, spec }: ProjectRow, stage: string, cause: unknown): void {
    this.#options.onError(
      new Error(`project ${name}: the stage ${stage} of proxy model ${spec.proxyModel} failed`, { cause }),
    );
  }

  /** Keeps a result that was cut, and returns its beginning. */
  async #cut(
    use: ContentUse,
    { server, subject, definition }: ContentSource,
    method: ContentMethod,
    result: JsonObject,
    { texts, cut, notes, hasSummaries }: StageInput,
  ): Promise<JsonObject> {
    const { project, caller, requestId } = use;
    const { principal } = caller;
    const own = personalIds(principal);
    const { parts, word } = cut!;
    const promised = definition?.["outputSchema"] === undefined ? undefined : result["structuredContent"];
    const kept = this.#options.kept.keep({
      owner: { principalId: own.id, userId: own.userId, projectId: project.id },
      serverId: server.id,
      method,
      subject,
      word,
      texts,
      parts,
      hasSummaries,
      titles: [],
      ...(promised !== undefined && { structured: JSON.stringify(promised) }),
    });
    await this.describe(kept, 1, parts.length, { project, principal, requestId });
    const names = partArguments(definition?.["inputSchema"]);
    const askFor = askForOf(kept, method === "tools/call" ? { name: subject, names } : undefined);
    return withTexts(method, result, hasSummaries ? texts.map(() => undefined) : firstTexts(kept), {
      text: firstNotice(kept, askFor, notes),
      uri: partUri(kept.id),
    });
  }

  /** Puts titles or summaries into the index of some parts, as far as there are any in time. */
  readonly describe: DescribeParts = async (kept, from, to, use) => {
    const single = entriesOf(from, to).flatMap((entry) => (entry.from === entry.to ? [entry.from] : []));
    if (use) await this.#options.titles.fill(kept, single, use);
    if (kept.hasSummaries) for (const part of single) kept.titles[part - 1] ??= plainSummary(kept, part);
  };
}

/** Returns what is left of each text in the answer with the first part. */
function firstTexts({ texts, parts }: KeptResult): (string | undefined)[] {
  const pieces = new Map(parts[0]!.pieces.map((piece) => [piece.text, piece]));
  return texts.map((text, i) => {
    const piece = pieces.get(i);
    return piece && text.slice(piece.start, piece.end);
  });
}
