import { useState } from "preact/hooks";
import { request } from "../../api/client.ts";
import { type ApiObject, useKind, useLoaded } from "../../api/lists.ts";
import { Command, SourceButton } from "../../objects/source.tsx";
import { useAction } from "../../ui/action.tsx";
import { Badge } from "../../ui/badge.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { Empty, Failure, Show } from "../../ui/states.tsx";
import { Time } from "../../ui/time.tsx";
import { toast } from "../../ui/toasts.tsx";
import { commandOf } from "../../ui/yaml.ts";
import { linesOfDiff } from "./diff.ts";

interface ShownRequest extends ApiObject {
  project: string;
  content: string;
  reason: string;
  proposedBy: string | null;
  status: string;
  createdAt: string;
}

/** Prompts that models and people propose, to be read before they count. */
export function Requests() {
  const requests = useKind<ShownRequest>("promptrequests");
  const [opened, setOpened] = useState<string>();
  const one = requests.value?.find(({ id }) => id === opened);
  return (
    <section class="panel">
      <header>
        <h2>Proposed prompts</h2>
        <SourceButton kind="promptrequest" objects={requests.value} />
      </header>
      <Show of={requests}>
        {(all) =>
          all.length === 0 ? (
            <Empty title="Nothing is proposed">
              <span>
                A model that learns something worth keeping proposes it here. Nothing counts before somebody
                approves it.
              </span>
            </Empty>
          ) : (
            <ul class="plain-list">
              {[...all]
                .sort((a, b) => Number(b.status === "pending") - Number(a.status === "pending"))
                .map(({ id, name, project, reason, proposedBy, status, createdAt }) => (
                  <li key={id}>
                    <strong>{name}</strong>
                    <span>for {project}</span>
                    <span class="quiet small">{reason}</span>
                    <span class="quiet small">
                      {proposedBy}, <Time at={createdAt} as="ago" />
                    </span>
                    <Badge state={status} />
                    <button type="button" class="button slim" onClick={() => setOpened(id)}>
                      Read<span class="hidden"> {name}</span>
                    </button>
                  </li>
                ))}
            </ul>
          )
        }
      </Show>
      {one && <RequestDialog key={one.id} one={one} onClose={() => setOpened(undefined)} />}
    </section>
  );
}

function RequestDialog({ one, onClose }: { one: ShownRequest; onClose: () => void }) {
  const { id, name, project, content, reason, status } = one;
  const prompts = useLoaded<(ApiObject & { project?: string; content?: string })[]>(
    `/api/v1/prompts?name=${encodeURIComponent(name)}`,
    0,
  );
  const action = useAction();
  const decide = (decision: "approve" | "reject") =>
    action.run(async () => {
      await request(`/api/v1/promptrequests/${encodeURIComponent(id)}/${decision}`, { method: "POST" });
      toast(decision === "approve" ? `${name} counts now` : `Rejected ${name}`);
      onClose();
    });
  return (
    <Dialog title={`${name}, for ${project}`} onClose={onClose}>
      {reason && <p>Why: {reason}</p>}
      <Show of={prompts}>
        {(all) => {
          const before = all.find((prompt) => prompt.project === project)?.content ?? "";
          return (
            <div class="code">
              <pre class="diff">
                {linesOfDiff(before, content).map(({ sign, text, key }) => (
                  <div key={key} class={sign === "+" ? "added" : sign === "-" ? "removed" : ""}>
                    {sign} {text}
                  </div>
                ))}
              </pre>
            </div>
          );
        }}
      </Show>
      {action.error && <Failure error={action.error} />}
      {status === "pending" && (
        <div class="row">
          <button
            type="button"
            class="button primary"
            disabled={action.isBusy}
            onClick={() => decide("approve")}
          >
            Approve
          </button>
          <button
            type="button"
            class="button danger"
            disabled={action.isBusy}
            onClick={() => decide("reject")}
          >
            Reject
          </button>
        </div>
      )}
      <Command text={commandOf("approve", "promptrequest", name, "-p", project)} />
    </Dialog>
  );
}
