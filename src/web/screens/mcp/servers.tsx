import { useState } from "preact/hooks";
import { useKind } from "../../api/lists.ts";
import { goTo, placeOf, route } from "../../route.ts";
import { Badge } from "../../ui/badge.tsx";
import { SourceButton } from "../../ui/source.tsx";
import { Empty, Show } from "../../ui/states.tsx";
import { AddServer } from "./add-server.tsx";
import { ServerDialog } from "./server-dialog.tsx";
import type { ShownServer } from "./shown-server.ts";

/** MCP servers with their state. */
export function Servers() {
  const servers = useKind<ShownServer>("servers");
  const [isAdding, setAdding] = useState(false);
  const opened = servers.value?.find(({ name }) => name === route.value.path[2]);
  return (
    <section class="panel">
      <header>
        <h2>Servers</h2>
        <div class="row">
          <SourceButton kind="server" objects={servers.value} />
          <button type="button" class="button primary" onClick={() => setAdding(true)}>
            Add a server
          </button>
        </div>
      </header>
      <Show of={servers} lines={5}>
        {(all) =>
          all.length === 0 ? (
            <Empty title="No MCP server yet">
              <span>Add one from a template: it is started here, in a sandbox, when a model needs it.</span>
            </Empty>
          ) : (
            <ul class="plain-list">
              {all.map(({ id, name, description, status, toolCount, conditions, source }) => (
                <li key={id}>
                  <a href={placeOf(["mcp", "servers", name])}>{name}</a>
                  <span class="quiet small">{description || source}</span>
                  {conditions.length > 0 && (
                    <span class="badge warn">{conditions.map(({ type }) => type).join(", ")}</span>
                  )}
                  <span class="row">
                    <span class="small">
                      {toolCount} {toolCount === 1 ? "tool" : "tools"}
                    </span>
                    <Badge state={status} />
                  </span>
                </li>
              ))}
            </ul>
          )
        }
      </Show>
      {isAdding && <AddServer onClose={() => setAdding(false)} />}
      {opened && (
        <ServerDialog key={opened.id} server={opened} onClose={() => goTo(placeOf(["mcp", "servers"]))} />
      )}
    </section>
  );
}
