import { useState } from "preact/hooks";
import { request } from "../../api/client.ts";
import { type ApiObject, useKind, useLoaded } from "../../api/lists.ts";
import { SureButton, useAction } from "../../ui/action.tsx";
import { Badge } from "../../ui/badge.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { SelectField, TextField } from "../../ui/fields.tsx";
import { Command, SourceButton } from "../../ui/source.tsx";
import { Empty, Failure, Show } from "../../ui/states.tsx";
import { Time } from "../../ui/time.tsx";
import { toast } from "../../ui/toasts.tsx";
import { commandOf } from "../../ui/yaml.ts";

interface ShownSecret extends ApiObject {
  keys: string[];
  backend?: string;
}

interface ShownBackend extends ApiObject {
  type: string;
  isDefault: boolean;
  secretCount: number;
  health: { status: string; reason: string | null; checkedAt: string } | null;
  rotation: { rotatedAt: string | null; failedAt: string | null; reason: string | null } | null;
}

/** Secrets by their keys, which is all that can be seen of them, and the places that store them. */
export function Secrets() {
  const secrets = useKind<ShownSecret>("secrets");
  const backends = useLoaded<ShownBackend[]>("/api/v1/secretbackends");
  const [edited, setEdited] = useState<{ secret?: ShownSecret }>();
  const action = useAction();
  const remove = ({ id, name }: ShownSecret) =>
    action.run(async () => {
      await request(`/api/v1/secrets/${encodeURIComponent(id)}`, { method: "DELETE" });
      toast(`Deleted ${name}`);
    });
  return (
    <>
      <div class="head">
        <h1>Secrets</h1>
        <button type="button" class="button primary" onClick={() => setEdited({})}>
          New secret
        </button>
      </div>
      <div class="stack">
        {action.error && <Failure error={action.error} />}
        <section class="panel">
          <header>
            <h2>Secrets</h2>
            <SourceButton kind="secret" objects={secrets.value} />
          </header>
          <Show of={secrets} lines={5}>
            {(all) =>
              all.length === 0 ? (
                <Empty title="No secret yet">
                  <span>Keys of providers are stored here, and are never shown again.</span>
                </Empty>
              ) : (
                <ul class="plain-list">
                  {all.map((secret) => (
                    <li key={secret.id}>
                      <strong>{secret.name}</strong>
                      <span class="mono small">{secret.keys.join(", ")}</span>
                      <span class="quiet small">{secret.backend ?? "default backend"}</span>
                      <span class="row">
                        <button type="button" class="button slim" onClick={() => setEdited({ secret })}>
                          Set a value
                        </button>
                        <SureButton
                          label="Delete"
                          question={`Delete ${secret.name} with its values?`}
                          onSure={() => remove(secret)}
                        />
                      </span>
                    </li>
                  ))}
                </ul>
              )
            }
          </Show>
        </section>
        <section class="panel">
          <header>
            <h2>Backends</h2>
            <SourceButton kind="secretbackend" objects={backends.value} />
          </header>
          <Show of={backends}>
            {(all) => (
              <ul class="plain-list">
                {all.map((backend) => (
                  <BackendRow key={backend.id} backend={backend} onRotated={backends.reload} />
                ))}
              </ul>
            )}
          </Show>
        </section>
        <Migration backends={backends.value ?? []} />
      </div>
      {edited && (
        <SecretDialog {...edited} backends={backends.value ?? []} onClose={() => setEdited(undefined)} />
      )}
    </>
  );
}

function BackendRow({ backend, onRotated }: { backend: ShownBackend; onRotated: () => void }) {
  const { name, type, isDefault, secretCount, health, rotation } = backend;
  const action = useAction();
  const rotate = () =>
    action.run(async () => {
      await request(`/api/v1/secretbackends/${encodeURIComponent(name)}/rotate`, { method: "POST" });
      toast(`Replaced the token of ${name}`);
      onRotated();
    });
  return (
    <li>
      <strong>{name}</strong>
      <span>
        {type}, {secretCount} {secretCount === 1 ? "secret" : "secrets"}
      </span>
      {isDefault && <span class="badge">default</span>}
      {health && <Badge state={health.status} />}
      <span class="quiet small">
        {health?.reason}
        {rotation?.rotatedAt && (
          <>
            {" "}
            token replaced <Time at={rotation.rotatedAt} as="ago" />
          </>
        )}
      </span>
      {type === "openbao" && (
        <button type="button" class="button slim" disabled={action.isBusy} onClick={rotate}>
          Rotate its token
        </button>
      )}
      {action.error && <Failure error={action.error} />}
    </li>
  );
}

function SecretDialog({
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
    <Dialog title={secret ? `Set a value of ${name}` : "New secret"} onClose={onClose}>
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
          hint="It is not shown again"
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

interface MigrationAnswer {
  results: { name: string; result: string; reason?: string }[];
  summary: Record<string, number>;
}

function Migration({ backends }: { backends: readonly ShownBackend[] }) {
  const [from, setFrom] = useState("");
  const [to, setTo] = useState("");
  const [answer, setAnswer] = useState<MigrationAnswer & { isDry: boolean }>();
  const action = useAction();
  if (backends.length < 2) return null;
  const options = [["", "choose"] as const, ...backends.map(({ name }) => [name, name] as const)];
  const migrate = (dryRun: boolean) =>
    action.run(async () => {
      const body = { from, to, dryRun };
      const got = await request<MigrationAnswer>("/api/v1/secrets/migrate", { method: "POST", body });
      setAnswer({ ...got, isDry: dryRun });
    });
  return (
    <section class="panel">
      <header>
        <h2>Move secrets to another backend</h2>
      </header>
      <div class="body">
        <div class="columns narrow">
          <SelectField label="From" value={from} onValue={setFrom} options={options} />
          <SelectField label="To" value={to} onValue={setTo} options={options} />
        </div>
        {action.error && <Failure error={action.error} />}
        {answer && (
          <div class={`note ${answer.summary["failed"] ? "bad" : "good"}`} role="status">
            <strong>
              {answer.isDry ? "It would move" : "Moved"}{" "}
              {answer.isDry ? answer.summary["planned"] : answer.summary["migrated"]}, skipped{" "}
              {answer.summary["skipped"]}, failed {answer.summary["failed"]}
            </strong>
            {answer.results.slice(0, 50).map(({ name, result, reason }) => (
              <span key={name} class="small">
                {name}: {result}
                {reason && `, ${reason}`}
              </span>
            ))}
          </div>
        )}
        <div class="row">
          <button
            type="button"
            class="button"
            disabled={action.isBusy || !from || !to || from === to}
            onClick={() => migrate(true)}
          >
            What would happen?
          </button>
          <button
            type="button"
            class="button primary"
            disabled={action.isBusy || !from || !to || from === to}
            onClick={() => migrate(false)}
          >
            Move them
          </button>
        </div>
        <Command text={commandOf("migrate", "secrets", "--from", from || "FROM", "--to", to || "TO")} />
      </div>
    </section>
  );
}
