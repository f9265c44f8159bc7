import { Type } from "@sinclair/typebox";
import { AppError } from "../../../errors.ts";
import { oneOf } from "../../../kinds/define.ts";
import { prompt } from "../../../kinds/prompt.ts";
import { promptRequest } from "../../../kinds/prompt-request.ts";
import { scopeIn } from "../../../kinds/scopes.ts";
import { decide } from "../../core/access/policy.ts";
import { changeEvent } from "../../core/caller.ts";
import { forbidden } from "../../core/catalogue/resources.ts";
import { retryingStale } from "../../core/catalogue/retrying-stale.ts";
import type { PromptRequestRow } from "../../core/store/typed-rows.ts";
import type { Row, Write } from "../../core/store/types.ts";
import type { Call, Route } from "../route.ts";
import type { Server } from "../server.ts";
import type { KindRoutes } from "./define.ts";

const path = `/api/v1/${promptRequest.plural}/:idOrName`;
const query = { project: "Scope of the name" };

const Decision = Type.Object({
  name: Type.String(),
  project: Type.String(),
  status: oneOf(["approved", "rejected"]),
});

/** Decided requests of one user that are kept; older ones are deleted. */
const keptDecided = 20;

/** Adds the decisions about proposed prompts. */
export const promptRequestRoutes: KindRoutes = {
  routes: (server): Route[] => [
    {
      method: "POST",
      path: `${path}/approve`,
      access: { verb: "update", resource: prompt.plural },
      summary: "Approve a proposed prompt: the project then has a prompt of its name with its text",
      query,
      response: Decision,
      handle: (call) => settle(server, call, "approved"),
    },
    {
      method: "POST",
      path: `${path}/reject`,
      access: { verb: "update", resource: prompt.plural },
      summary: "Reject a proposed prompt",
      query,
      response: Decision,
      handle: (call) => settle(server, call, "rejected"),
    },
  ],
};

/**
 * Decides a request. Its text cannot be changed, so that a decision by its id is about the text that was read.
 *
 * @throws AppError `forbidden`, `not_found`, `conflict` if it is decided already, and those of writing a prompt
 */
async function settle(server: Server, call: Call, status: "approved" | "rejected"): Promise<Response> {
  const { catalogue, resources } = server;
  const pending = () => {
    const scope = scopeIn(promptRequest, call.query);
    const row = resources.find(call.principal, "view", promptRequest, call.params["idOrName"]!, scope);
    if (!mayDecide(server, call, row)) throw forbidden("update", prompt, row.name);
    if (row.status.status !== "pending")
      throw new AppError("conflict", `promptrequest "${row.name}" is ${row.status.status} already`);
    return row;
  };
  const row = pending();
  const decision = () => {
    const present = pending();
    if (present.id === row.id) return decisionWrites(server, call, present, status);
    throw new AppError("conflict", `promptrequest "${row.name}" is another one by now`);
  };
  // In one transaction: somebody else may reject it meanwhile (T342).
  if (status === "approved") await writePrompt(server, call, row, decision);
  else await retryingStale(catalogue, decision);
  return Response.json({ name: row.name, project: row.scope, status });
}

/** True with the right to change the prompt that a request would change, or to change prompts if there is none. */
function mayDecide({ catalogue }: Server, { principal }: Call, { name, scope }: PromptRequestRow): boolean {
  const existing = catalogue.snapshot.named("prompt", name, scope);
  return existing
    ? decide(principal, "update", prompt.plural, name, existing) === "allow"
    : decide(principal, "update", prompt.plural) === "allow";
}

/** Writes the prompt of a request with the right of the one who approves, who owns it then. */
async function writePrompt(
  { catalogue, resources }: Server,
  call: Call,
  { name, scope, spec }: PromptRequestRow,
  also: () => Write[],
): Promise<void> {
  const { content, description } = spec;
  const fields = { content, ...(description !== "" && { description }) };
  const existing = catalogue.snapshot.named("prompt", name, scope);
  if (existing) await resources.update(call, prompt, existing.id, fields, undefined, { also });
  else await resources.create(call, prompt, { name, project: scope, ...fields }, { also });
}

function decisionWrites(
  { catalogue: { snapshot }, now }: Server,
  call: Call,
  row: PromptRequestRow,
  status: "approved" | "rejected",
): Write[] {
  const at = now();
  const decided: Row = {
    ...row,
    status: { status, decidedBy: call.principal.userId },
    version: row.version + 1,
    updatedAt: at,
  };
  const old = snapshot
    .table(promptRequest.kind)
    .sorted.filter((one) => one.owner === row.owner && one.status.status !== "pending")
    .sort((a, b) => b.updatedAt - a.updatedAt)
    .slice(keptDecided - 1);
  return [
    ...old.map(({ id, version }): Write => ({ op: "delete", id, version })),
    { op: "update", row: decided, refs: snapshot.refsOf(row.id) },
    { op: "audit", event: changeEvent(call, "update", row, at, [], { [status]: true }) },
  ];
}
