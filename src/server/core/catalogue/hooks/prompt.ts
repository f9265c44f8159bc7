import { AppError } from "../../../../errors.ts";
import { decide, tokenIdOf } from "../../access/policy.ts";
import type { PromptRow } from "../../store/typed-rows.ts";
import type { Draft, Hooks } from "../hooks.ts";
import { digestOf } from "../prompt-digest.ts";
import { isHiddenLink, linkStatus, mayLinkTo, parseLink, usesProject } from "../prompt-links.ts";

export const promptHooks: Hooks<PromptRow> = {
  prepare(draft) {
    const { project, agent, content, link } = draft.row.spec;
    if ((project === undefined) === (agent === undefined))
      draft.faults.push({ path: "/project", message: "give either project or agent" });
    if (content.trim() === "" && link === undefined)
      draft.faults.push({ path: "/content", message: "give content, or a link" });
    if (agent !== undefined && link !== undefined)
      draft.faults.push({
        path: "/link",
        message: "is for prompts of projects; a persona gets its own content",
      });
    noteWriter(draft);
    checkLink(draft);
    if (agent !== undefined) checkPersona(draft, agent);
    else if (project !== undefined) checkProject(draft, project);
  },
  remove(draft) {
    if (draft.row.spec.agent !== undefined) checkTools(draft, draft.row.spec.agent);
  },
  status: (row, view) => {
    const { summary, chapters } = digestOf(row);
    return { summary: summary === "" ? null : summary, chapters, status: linkStatus(row, view) };
  },
  hidden: (row, view) => (isHiddenLink(row, view) ? ["link"] : []),
};

/** Notes who writes the text, on whose limits its summary is made: not on those of others whose prompt it is (T301). */
function noteWriter({ before, row, principal }: Draft<PromptRow>): void {
  if (before?.spec.content === row.spec.content || principal.userId === "") return;
  row.status = { ...row.status, writer: { userId: principal.userId, tokenId: tokenIdOf(principal) ?? "" } };
}

/**
 * Checks that the author of a prompt has a part in the project: its text reaches the models of all who use the project
 * (T205).
 */
function checkProject({ principal, snapshot }: Draft<PromptRow>, name: string): void {
  const project = snapshot.named("project", name);
  // Without one, the reference is refused later.
  if (!project || usesProject(principal, name, project)) return;
  throw new AppError("forbidden", `writing prompts of project "${name}" needs a right on the project`);
}

/** Checks the right to change the persona: its prompts stand behind its system prompt (T205). */
function checkPersona(draft: Draft<PromptRow>, name: string): void {
  const { principal, snapshot } = draft;
  const persona = snapshot.named("agent", name);
  if (decide(principal, "update", "agents", name, persona) === "forbidden")
    throw new AppError("forbidden", `writing prompts of agent "${name}" needs edit on it`);
  checkTools(draft, name);
}

/** Checks the right to the project whose tools the persona calls: its prompts lead those calls, as its system prompt does (T215). */
function checkTools({ principal, snapshot, before, row }: Draft<PromptRow>, name: string): void {
  const project = snapshot.named("agent", name)?.spec.project;
  const isSame = before !== row && Bun.deepEquals(before?.spec, row.spec);
  if (project === undefined || isSame) return;
  if (decide(principal, "run", "projects", project, snapshot.named("project", project)) === "allow") return;
  throw new AppError("forbidden", `you may not run the project whose tools agent "${name}" uses`);
}

/** Adds a fault for a new link to what its author does not see. */
function checkLink({ before, row, sent, principal, snapshot, faults }: Draft<PromptRow>): void {
  const { link } = row.spec;
  if (link === undefined || (before?.spec.link === link && !sent("link"))) return;
  const { project, server } = parseLink(link);
  if (!mayLinkTo(snapshot, principal, parseLink(link)))
    faults.push({
      path: "/link",
      message: `there is no server "${server}" attached to project "${project}"`,
    });
}
