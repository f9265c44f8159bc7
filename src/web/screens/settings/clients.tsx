import { useState } from "preact/hooks";
import { useLoaded } from "../../api/lists.ts";
import { Command } from "../../objects/source.tsx";
import { CodeBlock } from "../../ui/code-block.tsx";
import { SelectField } from "../../ui/fields.tsx";
import { Failure } from "../../ui/states.tsx";
import { clientNames, configurationOf } from "./client-texts.ts";

/** The settings to paste into a program, with the address of this server. */
export function Clients() {
  const models = useLoaded<{ data: { id: string }[] }>("/v1/models", 0);
  const projects = useLoaded<{ id: string; name: string }[]>("/api/v1/projects", 0);
  const [client, setClient] = useState(clientNames[0]!);
  const [model, setModel] = useState("");
  const [project, setProject] = useState("");
  const names = models.value?.data.map(({ id }) => id) ?? [];
  const chosen = model || names[0] || "MODEL";
  const { steps, command } = configurationOf(client, {
    origin: location.origin,
    model: chosen,
    project: project || undefined,
  });
  return (
    <section class="panel">
      <header>
        <h2>Let a program use this server</h2>
      </header>
      <div class="body">
        {models.error && models.error.code !== "unreachable" && <Failure error={models.error} />}
        <div class="columns narrow">
          <SelectField
            label="Program"
            value={client}
            onValue={setClient}
            options={clientNames.map((one) => [one, one] as const)}
          />
          <SelectField
            label="Model"
            value={chosen}
            onValue={setModel}
            options={(names.length > 0 ? names : [chosen]).map((one) => [one, one] as const)}
          />
          <SelectField
            label="MCP servers of"
            value={project}
            onValue={setProject}
            options={[["", "no project"], ...(projects.value ?? []).map(({ name }) => [name, name] as const)]}
          />
        </div>
        {steps.map(({ title, text }) => (
          <div class="field" key={title}>
            <span class="label">{title}</span>
            <CodeBlock text={text} />
          </div>
        ))}
        <p class="quiet small">
          TOKEN is a token that you make under Access. Each program gets one of its own.
        </p>
        {command && <Command text={command} />}
      </div>
    </section>
  );
}
