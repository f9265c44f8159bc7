import { useState } from "preact/hooks";
import { type ApiObject, useLoaded } from "../../api/lists.ts";
import { may } from "../../api/rights.ts";
import { NewButton, ObjectDialog } from "../../objects/object-dialog.tsx";
import { ObjectList } from "../../objects/object-list.tsx";
import { placeOf } from "../../route.ts";
import { Badge } from "../../ui/badge.tsx";

interface ShownPersona extends ApiObject {
  description: string;
  status: string | null;
  llm?: string;
}

/** Models with a system prompt and a name. */
export function Personas() {
  const personas = useLoaded<ShownPersona[]>("/api/v1/agents");
  const [opened, setOpened] = useState<string>();
  const one = personas.value?.find(({ id }) => id === opened);
  return (
    <>
      <ObjectList
        title="Personas"
        kind="agent"
        of={personas}
        textOf={({ name, description, llm }) => [name, description, llm].join(" ")}
        empty={["No persona yet", "A persona is a model with a system prompt and a name of its own."]}
        buttons={
          <NewButton
            kind="agent"
            plural="agents"
            label="New persona"
            isPrimary={false}
            onDone={personas.reload}
          />
        }
      >
        {({ id, name, description, llm, status }) => (
          <li key={id}>
            <a href={placeOf(["playground"], { model: `agent:${name}` })}>{name}</a>
            <span class="quiet small">{[llm, description].filter(Boolean).join(" · ")}</span>
            <span class="row">
              <Badge state={status} />
              {may("view", "agents", name) && (
                <button type="button" class="button slim" onClick={() => setOpened(id)}>
                  Open<span class="hidden"> {name}</span>
                </button>
              )}
            </span>
          </li>
        )}
      </ObjectList>
      {one && (
        <ObjectDialog
          key={one.id}
          kind="agent"
          object={one}
          question="Programs that call it stop working."
          onClose={() => {
            setOpened(undefined);
            personas.reload();
          }}
        />
      )}
    </>
  );
}
