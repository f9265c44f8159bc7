import { useState } from "preact/hooks";
import { request } from "../../api/client.ts";
import { type ApiObject, useKind, useLoaded } from "../../api/lists.ts";
import { Command, SourceButton } from "../../objects/source.tsx";
import { SureButton, useAction } from "../../ui/action.tsx";
import { Badge } from "../../ui/badge.tsx";
import { CodeBlock } from "../../ui/code-block.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { SelectField, TextField } from "../../ui/fields.tsx";
import { Empty, Failure, Show } from "../../ui/states.tsx";
import { Time } from "../../ui/time.tsx";
import { toast } from "../../ui/toasts.tsx";
import { commandOf } from "../../ui/yaml.ts";
import { grantSentence, type ShownGrant } from "./grants.ts";

interface ShownToken extends ApiObject {
  project?: string;
  prefix: string;
  owner: string | null;
  roleBindings: ShownGrant[];
  expiresAt: string | null;
  lastUsedAt: string | null;
  status: string;
}

/** Tokens for programs. A new one is shown once. */
export function Tokens() {
  const tokens = useKind<ShownToken>("tokens");
  const [isMaking, setMaking] = useState(false);
  const action = useAction();
  const remove = ({ id, name }: ShownToken) =>
    action.run(async () => {
      await request(`/api/v1/tokens/${encodeURIComponent(id)}`, { method: "DELETE" });
      toast(`Deleted the token ${name}`);
    });
  return (
    <section class="panel">
      <header>
        <h2>Tokens</h2>
        <div class="row">
          <SourceButton kind="token" objects={tokens.value} />
          <button type="button" class="button primary" onClick={() => setMaking(true)}>
            New token
          </button>
        </div>
      </header>
      {action.error && (
        <div class="body">
          <Failure error={action.error} />
        </div>
      )}
      <Show of={tokens}>
        {(all) =>
          all.length === 0 ? (
            <Empty title="No token yet">
              <span>Programs call models with a token of their own, which you can take back.</span>
            </Empty>
          ) : (
            <ul class="plain-list">
              {all.map((token) => (
                <li key={token.id}>
                  <strong>{token.name}</strong>
                  <span class="mono quiet small">{token.prefix}…</span>
                  <span class="small">
                    may {token.roleBindings.map(grantSentence).join(", and ") || "do nothing"}
                  </span>
                  <span class="quiet small">
                    {token.owner}, used <Time at={token.lastUsedAt} as="ago" />
                    {token.expiresAt && (
                      <>
                        , ends <Time at={token.expiresAt} as="ago" />
                      </>
                    )}
                  </span>
                  <Badge state={token.status} />
                  <SureButton
                    label="Delete"
                    question="Programs with it stop working."
                    onSure={() => remove(token)}
                  />
                </li>
              ))}
            </ul>
          )
        }
      </Show>
      {isMaking && <NewToken onClose={() => setMaking(false)} />}
    </section>
  );
}

const ends: readonly (readonly [string, string])[] = [
  ["7", "in a week"],
  ["30", "in 30 days"],
  ["365", "in a year"],
  ["", "never"],
];

function NewToken({ onClose }: { onClose: () => void }) {
  const llms = useLoaded<ApiObject[]>("/api/v1/llms", 0);
  const projects = useLoaded<ApiObject[]>("/api/v1/projects", 0);
  const [name, setName] = useState("");
  const [llm, setLlm] = useState("*");
  const [project, setProject] = useState("");
  const [days, setDays] = useState("30");
  const [bearer, setBearer] = useState<string>();
  const action = useAction();
  const roleBindings: ShownGrant[] = [
    ...(llm === "" ? [] : [{ role: "run", resource: "llms", ...(llm !== "*" && { name: llm }) }]),
    ...(project === "" ? [] : [{ role: "run", resource: "projects", name: project }]),
  ];
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    void action.run(async () => {
      const expiresAt = days === "" ? null : new Date(Date.now() + Number(days) * 86_400_000).toISOString();
      const made = await request<{ token: string }>("/api/v1/tokens", {
        method: "POST",
        body: { name, roleBindings, expiresAt },
      });
      setBearer(made.token);
    });
  };
  if (bearer !== undefined)
    return (
      <Dialog title={`Token ${name}`} onClose={onClose}>
        <div class="note warn">
          <strong>Copy it now: it is shown this once.</strong>
          <span>The server keeps no copy that anybody could read.</span>
        </div>
        <CodeBlock text={bearer} />
      </Dialog>
    );
  const binds = roleBindings.flatMap(({ role, resource, name: one }) => [
    "--bind",
    `role:${role},resource:${resource}${one === undefined ? "" : `,name:${one}`}`,
  ]);
  return (
    <Dialog title="New token" onClose={onClose}>
      <form class="stack" onSubmit={submit}>
        <TextField
          label="Name"
          value={name}
          onValue={setName}
          required
          hint="For example the program or machine that will have it"
        />
        <SelectField
          label="May call"
          value={llm}
          onValue={setLlm}
          options={[
            ["*", "all models that you may call"],
            ["", "no model"],
            ...(llms.value ?? []).map((one) => [one.name, one.name] as const),
          ]}
        />
        <SelectField
          label="May use the MCP servers of"
          value={project}
          onValue={setProject}
          options={[
            ["", "no project"],
            ...(projects.value ?? []).map((one) => [one.name, one.name] as const),
          ]}
        />
        <SelectField label="Ends" value={days} onValue={setDays} options={ends} />
        {action.error && <Failure error={action.error} />}
        <div class="row">
          <button type="submit" class="button primary" disabled={action.isBusy}>
            Make the token
          </button>
        </div>
        <Command
          text={commandOf(
            "create",
            "token",
            name || "NAME",
            ...binds,
            "--ttl",
            days === "" ? "never" : `${days}d`,
          )}
        />
      </form>
    </Dialog>
  );
}
