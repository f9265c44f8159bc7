import { costLimitRoutes } from "./cost-limits.ts";
import type { KindRoutes } from "./define.ts";
import { llmRoutes } from "./llm.ts";
import { mcpServerRoutes } from "./mcp-server.ts";
import { projectRoutes } from "./project.ts";
import { promptRequestRoutes } from "./prompt-request.ts";
import { secretRoutes } from "./secret.ts";
import { secretBackendRoutes } from "./secret-backend.ts";
import { tokenRoutes } from "./token.ts";

/** The kinds that add something to their routes, by singular name. */
export const kindRoutes: Readonly<Record<string, KindRoutes>> = {
  group: costLimitRoutes,
  llm: llmRoutes,
  project: projectRoutes,
  promptrequest: promptRequestRoutes,
  secret: secretRoutes,
  secretbackend: secretBackendRoutes,
  server: mcpServerRoutes,
  token: tokenRoutes,
  user: costLimitRoutes,
};
