import { useState } from "preact/hooks";
import { request } from "../../api/client.ts";
import { ObjectButtons } from "../../objects/object-dialog.tsx";
import { Command } from "../../objects/source.tsx";
import { useAction } from "../../ui/action.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { SelectField, TextField } from "../../ui/fields.tsx";
import { Failure } from "../../ui/states.tsx";
import { toast } from "../../ui/toasts.tsx";
import { commandOf } from "../../ui/yaml.ts";
import type { ShownBackend, ShownSecret } from "./shown-secret.ts";

/** Makes a secret, or sets a value of one. */
export function SecretDialog({
  secret,
  backends,
  onClose,
}: {
  secret?: ShownSecret;
  backends: readonly ShownBackend[];
  onClose: () => void;
}) {
  const [name, setName] = useState(secret?.name ?? "");
  const [key, setKey] = useState(secret?.keys[0] ?? "api-key");
  const [value, setValue] = useState("");
  const [backend, setBackend] = useState("");
  const action = useAction();
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    void action.run(async () => {
      const data = { [key]: value };
      if (secret)
        await request(`/api/v1/secrets/${encodeURIComponent(secret.id)}`, { method: "PUT", body: { data } });
      else
        await request("/api/v1/secrets", {
          method: "POST",
          body: { name, data, ...(backend !== "" && { backend }) },
        });
      toast(`Stored ${key} of ${name}`);
      onClose();
    });
  };
  return (
    <Dialog title={secret ? name : "New secret"} onClose={onClose}>
      <form class="stack" onSubmit={submit}>
        {!secret && <TextField label="Name" value={name} onValue={setName} required />}
        <TextField
          label="Key"
          value={key}
          onValue={setKey}
          required
          {...(secret && { suggestions: secret.keys })}
        />
        <TextField
          label="Value"
          type="password"
          value={value}
          onValue={setValue}
          required
          hint={
            secret ? "It replaces the one that is stored, and is not shown again" : "It is not shown again"
          }
        />
        {!secret && (
          <SelectField
            label="Backend"
            value={backend}
            onValue={setBackend}
            options={[["", "the default"], ...backends.map((one) => [one.name, one.name] as const)]}
          />
        )}
        {action.error && <Failure error={action.error} />}
        <div class="row">
          <button type="submit" class="button primary" disabled={action.isBusy}>
            Store
          </button>
          {secret && (
            <ObjectButtons
              kind="secret"
              plural="secrets"
              object={secret}
              question="Its values are gone for good."
              onGone={onClose}
            />
          )}
        </div>
        <Command
          text={
            secret
              ? commandOf("patch", "secret", name, `data.${key}=-`)
              : commandOf(
                  "create",
                  "secret",
                  name || "NAME",
                  "--data",
                  `${key}=-`,
                  ...(backend === "" ? [] : ["--backend", backend]),
                )
          }
        />
      </form>
    </Dialog>
  );
}
