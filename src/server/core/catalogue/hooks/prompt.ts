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
function checkPersona({ principal, snapshot }: Draft<PromptRow>, name: string): void {
  const persona = snapshot.named("agent", name);
  if (decide(principal, "update", "agents", name, persona) !== "forbidden") return;
  throw new AppError("forbidden", `writing prompts of agent "${name}" needs edit on it`);
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
