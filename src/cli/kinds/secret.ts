import { AppError } from "../../errors.ts";
import type { Resource } from "../../kinds/define.ts";
import { kindOf } from "../../kinds/index.ts";
import { isObject } from "../../wire/json.ts";
import { listOf } from "../client/answers.ts";
import type { KindExtension } from "./extension.ts";

export const secret: KindExtension = {
  /** The llms whose key goes with the secret. Those that the user may not see are not named. */
  async lostBy(name, isPlanned, context) {
    const client = await context.client();
    const llms = await client
      .call("GET", "/api/v1/llms", { answer: listOf(kindOf("llm")) })
      .catch(unlessForbidden);
    return llms
      .filter((llm) => isObject(llm["apiKeyRef"]) && llm["apiKeyRef"]["name"] === name)
      .map((llm) =>
        isPlanned
          ? `llm "${llm.name}" would lose its key`
          : `llm "${llm.name}" has lost its key: mcpctl patch llm ${llm.name} apiKeyRef=SECRET/KEY`,
      );
  },
};

function unlessForbidden(error: unknown): Resource[] {
  if (error instanceof AppError && (error.code === "forbidden" || error.code === "not_found")) return [];
  throw error;
}
