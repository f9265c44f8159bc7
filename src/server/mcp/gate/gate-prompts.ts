import { digestOf, plainText } from "../../core/catalogue/prompt-digest.ts";
import { inScope } from "../../core/catalogue/scopes.ts";
import { oncePerObject } from "../../core/once-per-object.ts";
import type { Snapshot } from "../../core/store/snapshot.ts";
import type { ProjectRow, PromptRow } from "../../core/store/typed-rows.ts";
import { proxyModelOf } from "../proxy-model.ts";
import type { RatedPrompt } from "./choose.ts";

/** A prompt of a project as the gate knows it. */
export interface GatePrompt extends RatedPrompt {
  row: PromptRow;
  /** Its own content, without characters that are not shown. */
  content: string;
}

const gatePrompt = oncePerObject((row: PromptRow): GatePrompt => {
  const { content, description, priority } = row.spec;
  const shown = plainText(content).trim();
  return {
    row,
    name: row.name,
    priority,
    description: plainText(description),
    content: shown,
    bytes: Buffer.byteLength(shown),
    digest: digestOf(row),
  };
});

/** Returns the prompts of a project, sorted by name. */
export function gatePrompts(snapshot: Snapshot, { name }: ProjectRow): GatePrompt[] {
  return inScope(snapshot, "prompt", name).map(gatePrompt);
}

/** One line that says what a prompt is about. */
export function aboutPrompt({ description, digest }: RatedPrompt): string {
  return description === "" ? digest.summary : description;
}

export type GateMode = "off" | "session" | "briefing";

/** Returns the gate of a project. */
export function gateOf(snapshot: Snapshot, project: ProjectRow): GateMode {
  return proxyModelOf(snapshot, project).gate;
}

/** True if a project has anything to tell models before they work. */
export function hasRules(snapshot: Snapshot, project: ProjectRow): boolean {
  return project.spec.prompt.trim() !== "" || inScope(snapshot, "prompt", project.name).length > 0;
}
