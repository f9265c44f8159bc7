import type { Hooks } from "../hooks.ts";
import { agentHooks } from "./agent.ts";
import { groupHooks } from "./group.ts";
import { llmHooks } from "./llm.ts";
import { projectHooks } from "./project.ts";
import { rbacHooks } from "./rbac.ts";
import { secretHooks } from "./secret.ts";
import { secretBackendHooks } from "./secret-backend.ts";
import { tokenHooks } from "./token.ts";
import { userHooks } from "./user.ts";

/** The hooks of the kinds that have some, by the kind's singular name. */
export const hooks: Readonly<Record<string, Hooks>> = {
  agent: agentHooks,
  group: groupHooks,
  llm: llmHooks,
  project: projectHooks,
  rbac: rbacHooks,
  secret: secretHooks,
  secretbackend: secretBackendHooks,
  token: tokenHooks,
  user: userHooks,
};
