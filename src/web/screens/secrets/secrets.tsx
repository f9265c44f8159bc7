import { useState } from "preact/hooks";
import { request } from "../../api/client.ts";
import { useKind, useLoaded } from "../../api/lists.ts";
import { may, mayOperate } from "../../api/rights.ts";
import { NewButton, ObjectDialog } from "../../objects/object-dialog.tsx";
import { ObjectList } from "../../objects/object-list.tsx";
import { useAction } from "../../ui/action.tsx";
import { Badge } from "../../ui/badge.tsx";
import { Failure } from "../../ui/states.tsx";
import { Time } from "../../ui/time.tsx";
import { toast } from "../../ui/toasts.tsx";
import { Migration } from "./migration.tsx";
import { SecretDialog } from "./secret-dialog.tsx";
import type { ShownBackend, ShownSecret } from "./shown-secret.ts";

/** Secrets by their keys, which is all that can be seen of them, and the places that store them. */
export function Secrets() {
  const secrets = useKind<ShownSecret>("secrets");
  const backends = useLoaded<ShownBackend[]>("/api/v1/secretbackends");
  const [edited, setEdited] = useState<{ secret?: ShownSecret }>();
  const newButton = may("create", "secrets") && (
    <button type="button" class="button primary" aria-haspopup="dialog" onClick={() => setEdited({})}>
      New secret
    </button>
  );
  return (
    <>
      <div class="head">
        <h1>Secrets</h1>
      </div>
      <div class="stack">
        <ObjectList
          title="Secrets"
          kind="secret"
          of={secrets}
          lines={5}
          textOf={({ name, keys, backend }) => [name, backend, ...keys].join(" ")}
          empty={["No secret yet", "Keys of providers are stored here, and are never shown again."]}
          buttons={newButton}
        >
          {(secret) => (
            <li key={secret.id}>
              <strong>{secret.name}</strong>
              <span class="mono small">{secret.keys.join(", ")}</span>
              <span class="quiet small">{secret.backend ?? "default backend"}</span>
              {may("update", "secrets", secret.name) && (
                <button type="button" class="button slim" onClick={() => setEdited({ secret })}>
                  Change<span class="hidden"> {secret.name}</span>
                </button>
              )}
            </li>
          )}
        </ObjectList>
        <ObjectList
          title="Backends"
          kind="secretbackend"
          of={backends}
          empty={["No backend"]}
          buttons={
            <NewButton
              kind="secretbackend"
              plural="secretbackends"
              label="New backend"
              isPrimary={false}
              onDone={backends.reload}
            />
          }
        >
          {(backend) => <BackendRow key={backend.id} backend={backend} onRotated={backends.reload} />}
        </ObjectList>
        {mayOperate("migrate-secrets") && <Migration backends={backends.value ?? []} />}
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
  const [isOpen, setOpen] = useState(false);
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
      {type === "openbao" && mayOperate("rotate-secretbackend") && (
        <button type="button" class="button slim" disabled={action.isBusy} onClick={rotate}>
          Rotate its token
        </button>
      )}
      {may("update", "secretbackends", name) && (
        <button type="button" class="button slim" onClick={() => setOpen(true)}>
          Change<span class="hidden"> {name}</span>
        </button>
      )}
      {isOpen && (
        <ObjectDialog
          kind="secretbackend"
          object={backend}
          question="It must hold no secrets."
          onClose={() => {
            setOpen(false);
            onRotated();
          }}
        />
      )}
      {action.error && <Failure error={action.error} />}
    </li>
  );
}
