import { TabbedScreen } from "../../ui/tabbed-screen.tsx";
import { Projects } from "./projects.tsx";
import { Requests } from "./requests.tsx";
import { Servers } from "./servers.tsx";

const tabs = {
  servers: ["Servers", Servers],
  projects: ["Projects", Projects],
  requests: ["Proposed prompts", Requests],
} as const;

/** MCP servers, the projects that offer them, and the prompts that models propose. */
export function Mcp() {
  return <TabbedScreen title="MCP" place="mcp" tabs={tabs} />;
}
