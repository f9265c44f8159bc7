import { TabbedScreen } from "../../ui/tabbed-screen.tsx";
import { Bindings } from "./bindings.tsx";
import { Groups } from "./groups.tsx";
import { Limits } from "./limits.tsx";
import { McpClients } from "./mcp-clients.tsx";
import { Rights } from "./rights.tsx";
import { Tokens } from "./tokens.tsx";
import { Users } from "./users.tsx";

const tabs = {
  tokens: ["Tokens", Tokens],
  clients: ["MCP clients", McpClients],
  users: ["Users", Users],
  groups: ["Groups", Groups],
  bindings: ["Bindings", Bindings],
  rights: ["Who may do what", Rights],
  limits: ["Limits", Limits],
} as const;

/** The rights of people and programs, and their limits. */
export function Access() {
  return <TabbedScreen title="Access" place="access" tabs={tabs} />;
}
