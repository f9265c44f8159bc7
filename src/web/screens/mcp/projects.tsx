import { type ApiObject, useKind, useLoaded } from "../../api/lists.ts";
import { NewButton, ObjectButtons } from "../../objects/object-dialog.tsx";
import { ObjectList } from "../../objects/object-list.tsx";
import { Command } from "../../objects/source.tsx";
import { goTo, placeOf, route } from "../../route.ts";
import { Badge } from "../../ui/badge.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { count } from "../../ui/format.ts";
import { Show } from "../../ui/states.tsx";
import { commandOf } from "../../ui/yaml.ts";
import { Prompts } from "./prompts.tsx";
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
    <>
      <ObjectList
        title="Projects"
        kind="project"
        of={projects}
        lines={4}
        textOf={({ name, description, servers }) => [name, description, ...servers].join(" ")}
        empty={["No project yet", "A project offers MCP servers to programs, at an address of its own."]}
        buttons={<NewButton kind="project" plural="projects" label="New project" />}
      >
        {({ id, name, description, servers }) => (
          <li key={id}>
            <a href={placeOf(["mcp", "projects", name])}>{name}</a>
            <span class="quiet small">{description}</span>
            <span class="small">{servers.join(", ") || "no servers"}</span>
          </li>
        )}
      </ObjectList>
      {opened && (
        <ProjectDialog key={opened.id} project={opened} onClose={() => goTo(placeOf(["mcp", "projects"]))} />
      )}
    </>
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
                      <Badge state="offered" />
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
      <Prompts project={name} />
      <Traffic project={name} mode={project.traffic} />
      <div class="row">
        <ObjectButtons
          kind="project"
          plural="projects"
          object={project}
          question="Its MCP clients lose their tools, and its prompts must be deleted first."
          onGone={onClose}
          onChanged={tools.reload}
          withForm
        />
      </div>
      <Command text={commandOf("get", "tools", "-p", name)} />
    </Dialog>
  );
}
