import { request } from "../../api/client.ts";
import { type ApiObject, useKind } from "../../api/lists.ts";
import { SourceButton } from "../../objects/source.tsx";
import { SureButton, useAction } from "../../ui/action.tsx";
import { Badge } from "../../ui/badge.tsx";
import { Empty, Failure, Show } from "../../ui/states.tsx";
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
    <section class="panel">
      <header>
        <h2>MCP clients with access</h2>
        <SourceButton kind="grant" objects={grants.value} />
      </header>
      {action.error && (
        <div class="body">
          <Failure error={action.error} />
        </div>
      )}
      <Show of={grants}>
        {(all) =>
          all.length === 0 ? (
            <Empty title="No client yet">
              <span>Give Claude, ChatGPT or VS Code the URL of a project: they log in by themselves.</span>
            </Empty>
          ) : (
            <ul class="plain-list">
              {all.map((grant) => (
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
              ))}
            </ul>
          )
        }
      </Show>
    </section>
  );
}
