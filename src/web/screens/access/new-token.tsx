import { useState } from "preact/hooks";
import { request } from "../../api/client.ts";
import { type ApiObject, useLoaded } from "../../api/lists.ts";
import { Command } from "../../objects/source.tsx";
import { useAction } from "../../ui/action.tsx";
import { CodeBlock } from "../../ui/code-block.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { SelectField, TextField } from "../../ui/fields.tsx";
import { Failure } from "../../ui/states.tsx";
import { commandOf } from "../../ui/yaml.ts";
import type { ShownGrant } from "./grants.ts";

const ends: readonly (readonly [string, string])[] = [
  ["7", "in a week"],
  ["30", "in 30 days"],
  ["365", "in a year"],
  ["", "never"],
];

/** Makes a token, and shows it this once. */
export function NewToken({ onClose }: { onClose: () => void }) {
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
