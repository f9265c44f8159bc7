import { type ApiObject, useKind, useLoaded } from "../../api/lists.ts";
import { goTo, placeOf, route } from "../../route.ts";
import { Badge } from "../../ui/badge.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { count } from "../../ui/format.ts";
import { Command, SourceButton } from "../../ui/source.tsx";
import { Empty, Show } from "../../ui/states.tsx";
import { commandOf } from "../../ui/yaml.ts";
import { Traffic } from "./traffic.tsx";
import { TryTool } from "./try-tool.tsx";

interface ShownProject extends ApiObject {
  description: string;
  servers: string[];
  llmProvider?: string;
  proxyModel: string;
  traffic: string;
}

interface ToolLine {
  name: string;
  server: string | null;
  original: string;
  tokens: number;
  offered: boolean;
  reason: string | null;
}

/** Projects: what MCP clients get at `/projects/NAME/mcp`. */
export function Projects() {
  const projects = useKind<ShownProject>("projects");
  const opened = projects.value?.find(({ name }) => name === route.value.path[2]);
  return (
    <section class="panel">
      <header>
        <h2>Projects</h2>
        <SourceButton kind="project" objects={projects.value} />
      </header>
      <Show of={projects} lines={4}>
        {(all) =>
          all.length === 0 ? (
            <Empty title="No project yet">
              <span>
                A project offers MCP servers to programs:{" "}
                <code>mcpctl create project website --mcp-server files</code>
              </span>
            </Empty>
          ) : (
            <ul class="plain-list">
              {all.map(({ id, name, description, servers }) => (
                <li key={id}>
                  <a href={placeOf(["mcp", "projects", name])}>{name}</a>
                  <span class="quiet small">{description}</span>
                  <span class="small">{servers.join(", ") || "no servers"}</span>
                </li>
              ))}
            </ul>
          )
        }
      </Show>
      {opened && (
        <ProjectDialog key={opened.id} project={opened} onClose={() => goTo(placeOf(["mcp", "projects"]))} />
      )}
    </section>
  );
}

const reasons: Readonly<Record<string, string>> = {
  denied: "denied by the server's list of tools",
  changed: "changed since it was accepted: mcpctl approve server NAME",
  failed: "its server does not answer",
  collision: "another tool has its name",
};

function ProjectDialog({ project, onClose }: { project: ShownProject; onClose: () => void }) {
  const { name } = project;
  const path = `/api/v1/projects/${encodeURIComponent(name)}`;
  const tools = useLoaded<ToolLine[]>(`${path}/tools`);
  const prompts = useLoaded<(ApiObject & { project?: string; description?: string })[]>("/api/v1/prompts");
  return (
    <Dialog title={name} onClose={onClose}>
      <dl class="facts">
        <dt>Address</dt>
        <dd class="mono">{`${location.origin}/projects/${name}/mcp`}</dd>
        <dt>Servers</dt>
        <dd>{project.servers.join(", ") || "none"}</dd>
        <dt>Proxy model</dt>
        <dd>{project.proxyModel}</dd>
      </dl>
      <section class="panel">
        <header>
          <h3>Tools</h3>
        </header>
        <Show of={tools}>
          {(all) =>
            all.length === 0 ? (
              <p class="quiet empty small">No tool is known yet: servers are asked when they first start.</p>
            ) : (
              <ul class="plain-list">
                {all.map(({ name: tool, server, tokens, offered, reason }) => (
                  <li key={`${server} ${tool}`}>
                    <span class="mono small">{tool}</span>
                    <span class="quiet small">
                      {server}, {count(tokens)} tokens
                    </span>
                    {offered ? (
                      <Badge state="ready" />
                    ) : (
                      <span class="badge warn">{reasons[reason ?? ""] ?? "not offered"}</span>
                    )}
                  </li>
                ))}
              </ul>
            )
          }
        </Show>
      </section>
      <TryTool project={name} />
      <section class="panel">
        <header>
          <h3>Prompts</h3>
        </header>
        <Show of={prompts}>
          {(all) => {
            const own = all.filter((prompt) => prompt.project === name);
            if (own.length === 0) return <p class="quiet empty small">It has none.</p>;
            return (
              <ul class="plain-list">
                {own.map((prompt) => (
                  <li key={prompt.id}>
                    <span>{prompt.name}</span>
                    <span class="quiet small">{prompt.description}</span>
                  </li>
                ))}
              </ul>
            );
          }}
        </Show>
      </section>
      <Traffic project={name} mode={project.traffic} />
      <div class="row">
        <SourceButton kind="project" objects={[project]} />
      </div>
      <Command text={commandOf("get", "tools", "-p", name)} />
    </Dialog>
  );
}
