import { useState } from "preact/hooks";
import { type ParameterValues, serverFrom, userKeyIn } from "../../../kinds/fill-template.ts";
import { request } from "../../api/client.ts";
import { type ApiObject, useLoaded } from "../../api/lists.ts";
import { Command } from "../../objects/source.tsx";
import { useAction } from "../../ui/action.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { Search, TextField } from "../../ui/fields.tsx";
import { Failure, Show } from "../../ui/states.tsx";
import { toast } from "../../ui/toasts.tsx";
import { commandOf } from "../../ui/yaml.ts";

interface ShownTemplate extends ApiObject {
  description: string;
  parameters: {
    name: string;
    description?: string;
    required?: boolean;
    default?: string;
    secret?: boolean;
  }[];
  server: Record<string, unknown>;
}

/** Adds an MCP server from a template. */
export function AddServer({ onClose }: { onClose: () => void }) {
  const templates = useLoaded<ShownTemplate[]>("/api/v1/templates", 0);
  const [search, setSearch] = useState("");
  const [template, setTemplate] = useState<ShownTemplate>();
  return (
    <Dialog title={template ? `Add ${template.name}` : "Add a server: choose a template"} onClose={onClose}>
      {template ? (
        <Parameters template={template} onClose={onClose} onBack={() => setTemplate(undefined)} />
      ) : (
        <>
          <Search label="Find a template" value={search} onValue={setSearch} />
          <Show of={templates}>
            {(all) => (
              <ul class="plain-list">
                {all
                  .filter(({ name, description }) =>
                    `${name} ${description}`.toLowerCase().includes(search.toLowerCase()),
                  )
                  .map((one) => (
                    <li key={one.id}>
                      <span>
                        <strong>{one.name}</strong> <span class="quiet small">{one.description}</span>
                      </span>
                      <button type="button" class="button slim" onClick={() => setTemplate(one)}>
                        Choose<span class="hidden"> {one.name}</span>
                      </button>
                    </li>
                  ))}
              </ul>
            )}
          </Show>
          <Command text={commandOf("get", "templates")} />
        </>
      )}
    </Dialog>
  );
}

function Parameters({
  template,
  onClose,
  onBack,
}: {
  template: ShownTemplate;
  onClose: () => void;
  onBack: () => void;
}) {
  const { parameters } = template;
  const [name, setName] = useState(template.name);
  const [values, setValues] = useState<Record<string, string>>({});
  const action = useAction();
  const given = parameters.filter((parameter) => (values[parameter.name] ?? "") !== "");
  /** True for a value that becomes that of a secret. */
  const isStored = ({ name, secret }: { name: string; secret?: boolean }) =>
    secret === true && userKeyIn(values[name]!) === undefined;
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    void action.run(async () => {
      const secrets = given.filter(isStored);
      const secretName = `${name}-secrets`;
      if (secrets.length > 0) {
        const data = Object.fromEntries(secrets.map((one) => [one.name, values[one.name]!]));
        await request("/api/v1/secrets", { method: "POST", body: { name: secretName, data } });
      }
      const filled: ParameterValues = Object.fromEntries(
        given.map((one) => {
          const ofUsers = one.secret ? userKeyIn(values[one.name]!) : undefined;
          return [
            one.name,
            isStored(one) ? { name: secretName, key: one.name } : (ofUsers ?? values[one.name]!),
          ];
        }),
      );
      const body = { name, ...serverFrom(template, filled), template: template.name };
      try {
        await request("/api/v1/servers", { method: "POST", body });
      } catch (error) {
        // Otherwise its name would be taken at the next try.
        if (secrets.length > 0)
          await request(`/api/v1/secrets/${secretName}`, { method: "DELETE" }).catch(() => {});
        throw error;
      }
      toast(`Added ${name}`);
      onClose();
    });
  };
  const sets = given.flatMap((one) => ["--set", `${one.name}=${isStored(one) ? "-" : values[one.name]}`]);
  return (
    <form class="stack" onSubmit={submit}>
      <p class="quiet">{template.description}</p>
      <TextField label="Name here" value={name} onValue={setName} required />
      {parameters.map((one) => (
        <TextField
          key={one.name}
          label={one.name}
          type={one.secret ? "password" : "text"}
          value={values[one.name] ?? ""}
          onValue={(value) => setValues({ ...values, [one.name]: value })}
          hint={`${one.description ?? ""}${one.secret ? " It is stored as a secret; with user://KEY each user gives their own." : ""}`}
          {...(one.required && { required: true })}
          {...(one.default !== undefined && { placeholder: one.default })}
        />
      ))}
      {action.error && <Failure error={action.error} />}
      <div class="row">
        <button type="submit" class="button primary" disabled={action.isBusy}>
          Add
        </button>
        <button type="button" class="button" onClick={onBack}>
          Back
        </button>
      </div>
      <Command
        text={commandOf("create", "server", name || "NAME", "--from-template", template.name, ...sets)}
      />
    </form>
  );
}
