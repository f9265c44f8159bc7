import { goTo, placeOf, route } from "../../route.ts";
import { Projects } from "./projects.tsx";
import { Requests } from "./requests.tsx";
import { Servers } from "./servers.tsx";

const tabs = { servers: "Servers", projects: "Projects", requests: "Proposed prompts" } as const;
type Tab = keyof typeof tabs;

/** MCP servers, the projects that offer them, and the prompts that models propose. */
export function Mcp() {
  const chosen = route.value.path[1];
  const tab: Tab = chosen !== undefined && Object.hasOwn(tabs, chosen) ? (chosen as Tab) : "servers";
  return (
    <>
      <div class="head">
        <h1>MCP</h1>
        <fieldset class="tabs" aria-label="Parts">
          {(Object.keys(tabs) as Tab[]).map((name) => (
            <button
              key={name}
              type="button"
              aria-pressed={name === tab}
              onClick={() => goTo(placeOf(["mcp", name]))}
            >
              {tabs[name]}
            </button>
          ))}
        </fieldset>
      </div>
      <div class="stack">
        {tab === "servers" && <Servers />}
        {tab === "projects" && <Projects />}
        {tab === "requests" && <Requests />}
      </div>
    </>
  );
}
