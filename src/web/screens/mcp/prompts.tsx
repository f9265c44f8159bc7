import { useState } from "preact/hooks";
import { type ApiObject, useLoaded } from "../../api/lists.ts";
import { NewButton, ObjectDialog } from "../../objects/object-dialog.tsx";
import { Badge } from "../../ui/badge.tsx";
import { Show } from "../../ui/states.tsx";

interface ShownPrompt extends ApiObject {
  project?: string;
  description?: string;
  priority: number;
  status: string;
}

/** The prompts of a project: written, changed and deleted. */
export function Prompts({ project }: { project: string }) {
  const prompts = useLoaded<ShownPrompt[]>("/api/v1/prompts");
  const [opened, setOpened] = useState<string>();
  const one = prompts.value?.find(({ id }) => id === opened);
  return (
    <section class="panel">
      <header>
        <h3>Prompts</h3>
        <NewButton
          kind="prompt"
          plural="prompts"
          label="New prompt"
          preset={{ project }}
          isPrimary={false}
          onDone={prompts.reload}
        />
      </header>
      <Show of={prompts}>
        {(all) => {
          const own = all.filter((prompt) => prompt.project === project);
          if (own.length === 0)
            return (
              <p class="quiet empty small">None: what models should know of this project stands here.</p>
            );
          return (
            <ul class="plain-list">
              {own.map(({ id, name, description, priority, status }) => (
                <li key={id}>
                  <button type="button" class="link" onClick={() => setOpened(id)}>
                    {name}
                  </button>
                  <span class="quiet small">{description}</span>
                  <span class="row">
                    <span class="quiet small">priority {priority}</span>
                    {status !== "ready" && <Badge state={status} />}
                  </span>
                </li>
              ))}
            </ul>
          );
        }}
      </Show>
      {one && (
        <ObjectDialog
          key={one.id}
          kind="prompt"
          object={one}
          question="Models no longer get it."
          onClose={() => {
            setOpened(undefined);
            prompts.reload();
          }}
        />
      )}
    </section>
  );
}
