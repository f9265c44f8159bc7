import { request } from "../../api/client.ts";
import { type ApiObject, useKind } from "../../api/lists.ts";
import { ObjectList } from "../../objects/object-list.tsx";
import { SureButton, useAction } from "../../ui/action.tsx";
import { Badge } from "../../ui/badge.tsx";
import { Failure } from "../../ui/states.tsx";
import { Time } from "../../ui/time.tsx";
import { toast } from "../../ui/toasts.tsx";

interface ShownClientGrant extends ApiObject {
  client: string;
  project: string | null;
  owner: string | null;
  redirectTo: string;
  status: string;
  lastUsedAt: string | null;
}

/** The MCP clients that users gave access to projects. */
export function McpClients() {
  const grants = useKind<ShownClientGrant>("grants");
  const action = useAction();
  const end = ({ id, name }: ShownClientGrant) =>
    action.run(async () => {
      await request(`/api/v1/grants/${encodeURIComponent(id)}`, { method: "DELETE" });
      toast(`Ended the access ${name}`);
    });
  return (
    <>
      {action.error && <Failure error={action.error} />}
      <ObjectList
        title="MCP clients"
        kind="grant"
        of={grants}
        textOf={({ name, client, project, owner }) => `${name} ${client} ${project} ${owner}`}
        empty={[
          "No client yet",
          "Give Claude, ChatGPT or VS Code the URL of a project: they log in by themselves.",
        ]}
      >
        {(grant) => (
          <li key={grant.id}>
            <strong>
              <bdi>{grant.client || "Without a name"}</bdi>
            </strong>
            <span class="small">
              may use project {grant.project}, as {grant.owner}
            </span>
            <span class="quiet small">
              <span class="mono">{grant.name}</span>, sent to {grant.redirectTo}, used{" "}
              <Time at={grant.lastUsedAt} as="ago" />
            </span>
            <Badge state={grant.status} />
            <SureButton label="End" question="The client is out at once." onSure={() => end(grant)} />
          </li>
        )}
      </ObjectList>
    </>
  );
}
