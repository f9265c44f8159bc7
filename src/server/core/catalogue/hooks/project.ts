import { AppError } from "../../../../errors.ts";
import { kindOf } from "../../../../kinds/index.ts";
import { serverAttachment } from "../../../../kinds/server-attachment.ts";
import { decide, isVisible } from "../../access/policy.ts";
import { ownedBy } from "../../access/quotas.ts";
import { ofPrivate } from "../../caller.ts";
import { newId } from "../../ids.ts";
import type { RowOf } from "../../store/typed-rows.ts";
import type { Row } from "../../store/types.ts";
import { attachable, attachmentsOf, nextPosition, seesServer } from "../attachments.ts";
import type { Draft, Hooks, Services } from "../hooks.ts";
import { missingTarget } from "../missing-target.ts";
import { inScope } from "../scopes.ts";
import { endGrants } from "./client-grant.ts";

type ProjectRow = RowOf<"project">;

export const projectHooks: Hooks<ProjectRow> = {
  prepare(draft, services) {
    checkAgents(draft);
    if ("servers" in draft.given) changeServers(draft, services);
    // The attachments say which servers a project has, so the list is not stored a second time.
    draft.row.spec.servers = [];
  },
  /** Deletes its attachments, its prompts, what is proposed for it, and the access of MCP clients to it, too. */
  remove({ row, snapshot, writeFirst }) {
    for (const { id, version } of [
      ...attachmentsOf(snapshot, row.name),
      ...inScope(snapshot, "prompt", row.name),
      ...inScope(snapshot, "promptrequest", row.name),
    ])
      writeFirst.push({ op: "delete", id, version });
    writeFirst.push(...endGrants(snapshot, { projectId: row.id }));
  },
  /** To readers from whom the llm is hidden, it is not registered. Hidden servers and personas are left out. */
  status(row, { principal, snapshot }) {
    const attached = attachmentsOf(snapshot, row.name).filter((one) => seesServer(snapshot, principal, one));
    const { llmProvider: name, agents = [] } = row.spec;
    const llm = name === undefined ? undefined : snapshot.named("llm", name);
    const registered = llm && isVisible(principal, "llms", llm);
    return {
      servers: attached.map((one) => one.name),
      agents: agents.filter((agent) => {
        const persona = snapshot.named("agent", agent);
        return persona && isVisible(principal, "agents", persona);
      }),
      llmStatus: name === "none" ? "disabled" : registered ? "registered" : "unregistered",
    };
  },
};

/** Checks the right to list personas: MCP clients of the project are offered them. */
function checkAgents({ before, row, snapshot, principal }: Draft<ProjectRow>): void {
  for (const name of row.spec.agents) {
    if (before?.spec.agents?.includes(name)) continue;
    const persona = snapshot.named("agent", name);
    if (decide(principal, "expose", "agents", name, persona) === "forbidden")
      throw new AppError("forbidden", `listing agent "${name}" needs expose on it`);
  }
}

/**
 * Attaches the servers of the list that are new, after those that are attached, and detaches the others. What is hidden
 * from the principal stays attached.
 */
function changeServers(draft: Draft<ProjectRow>, { now, random, quotas }: Services): void {
  const { row, snapshot, principal } = draft;
  const wanted = row.spec.servers;
  const attached = draft.before ? attachmentsOf(snapshot, row.name) : [];
  const seen = attached.filter((one) => seesServer(snapshot, principal, one));
  const going = seen.filter(({ name }) => !wanted.includes(name));
  const names = new Set(seen.map(({ name }) => name));
  const coming = wanted.filter((name) => !names.has(name));
  let position = nextPosition(attached);
  for (const name of coming) {
    const server = attachable(snapshot, principal, name);
    if (!server) {
      const message = missingTarget(draft, kindOf("server"), name, draft.faults.length);
      draft.faults.push({ path: `/servers/${wanted.indexOf(name)}`, message });
      continue;
    }
    const attachment: Row = {
      ...row,
      id: newId(serverAttachment.idPrefix, now(), random),
      kind: serverAttachment.kind,
      scope: row.name,
      name,
      owner: principal.userId,
      spec: { project: row.name, server: name },
      status: { position: position++ },
      version: 1,
      createdAt: now(),
      updatedAt: now(),
    };
    const refs = [
      { path: "/project", toId: row.id, onDelete: "restrict" as const },
      { path: "/server", toId: server.id, onDelete: "restrict" as const },
    ];
    draft.writeAfter.push({ op: "insert", row: attachment, refs });
  }
  for (const { id, version } of going) draft.writeAfter.push({ op: "delete", id, version });
  if (coming.length > 0) {
    const has = ownedBy(snapshot, serverAttachment.kind, principal.userId);
    const release = quotas.reserve(snapshot, principal, serverAttachment.plural, has, coming.length);
    draft.afterCommit.push(async () => release());
    draft.onRefused.push(async () => release());
    draft.noted["attached"] = coming;
  }
  if (going.length > 0) draft.noted["detached"] = going.map(({ name }) => name);
  const changed = [...coming, ...going.map(({ name }) => name)];
  const isPrivate = changed.some((name) => snapshot.named("server", name)?.visibility === "private");
  Object.assign(draft.noted, ofPrivate(isPrivate));
}
