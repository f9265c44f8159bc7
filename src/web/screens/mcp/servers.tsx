import { useState } from "preact/hooks";
import { useKind } from "../../api/lists.ts";
import { may } from "../../api/rights.ts";
import { NewButton } from "../../objects/object-dialog.tsx";
import { ObjectList } from "../../objects/object-list.tsx";
import { goTo, placeOf, route } from "../../route.ts";
import { Badge } from "../../ui/badge.tsx";
import { AddServer } from "./add-server.tsx";
import { ServerDialog } from "./server-dialog.tsx";
import type { ShownServer } from "./shown-server.ts";

/** MCP servers with their state. */
export function Servers() {
  const servers = useKind<ShownServer>("servers");
  const [isAdding, setAdding] = useState(false);
  const opened = servers.value?.find(({ name }) => name === route.value.path[2]);
  return (
    <>
      <ObjectList
        title="Servers"
        kind="server"
        of={servers}
        lines={5}
        textOf={({ name, description, source, status }) => [name, description, source, status].join(" ")}
        empty={["No MCP server yet", "It is started here, in a sandbox, when a model needs it."]}
        buttons={
          <>
            <NewButton kind="server" plural="servers" label="New server" isPrimary={false} />
            {may("create", "servers") && (
              <button
                type="button"
                class="button primary"
                aria-haspopup="dialog"
                onClick={() => setAdding(true)}
              >
                Add from a template
              </button>
            )}
          </>
        }
      >
        {({ id, name, description, status, toolCount, conditions, source }) => (
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
        )}
      </ObjectList>
      {isAdding && <AddServer onClose={() => setAdding(false)} />}
      {opened && (
        <ServerDialog key={opened.id} server={opened} onClose={() => goTo(placeOf(["mcp", "servers"]))} />
      )}
    </>
  );
}
