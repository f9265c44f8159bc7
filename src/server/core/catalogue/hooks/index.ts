import type { Hooks } from "../hooks.ts";
import { agentHooks } from "./agent.ts";
import { authorizationHooks } from "./authorization.ts";
import { clientGrantHooks } from "./client-grant.ts";
import { groupHooks } from "./group.ts";
import { instanceHooks } from "./instance.ts";
import { llmHooks } from "./llm.ts";
import { mcpServerHooks } from "./mcp-server.ts";
import { projectHooks } from "./project.ts";
import { promptHooks } from "./prompt.ts";
import { promptRequestHooks } from "./prompt-request.ts";
import { proxyModelHooks } from "./proxy-model.ts";
import { rbacHooks } from "./rbac.ts";
import { secretHooks } from "./secret.ts";
import { secretBackendHooks } from "./secret-backend.ts";
import { attachmentHooks } from "./server-attachment.ts";
import { templateHooks } from "./template.ts";
import { tokenHooks } from "./token.ts";
import { userHooks } from "./user.ts";

/** The hooks of the kinds that have some, by the kind's singular name. */
export const hooks: Readonly<Record<string, Hooks>> = {
  agent: agentHooks,
  authorization: authorizationHooks,
  grant: clientGrantHooks,
  group: groupHooks,
  instance: instanceHooks,
  llm: llmHooks,
  project: projectHooks,
  prompt: promptHooks,
  promptrequest: promptRequestHooks,
  proxymodel: proxyModelHooks,
  rbac: rbacHooks,
  secret: secretHooks,
  secretbackend: secretBackendHooks,
  server: mcpServerHooks,
  serverattachment: attachmentHooks,
  template: templateHooks,
  token: tokenHooks,
  user: userHooks,
};
