import { useState } from "preact/hooks";
import { request } from "../../api/client.ts";
import { useShownKind } from "../../api/kinds.ts";
import { type ApiObject, useLoaded } from "../../api/lists.ts";
import { may } from "../../api/rights.ts";
import { labelOf } from "../../api/schema.ts";
import { Command } from "../../objects/source.tsx";
import { useAction } from "../../ui/action.tsx";
import { Badge } from "../../ui/badge.tsx";
import { SelectField, TextField } from "../../ui/fields.tsx";
import { count, dollars } from "../../ui/format.ts";
import { Empty, Failure, Show } from "../../ui/states.tsx";
import { Time } from "../../ui/time.tsx";
import { toast } from "../../ui/toasts.tsx";
import { commandOf } from "../../ui/yaml.ts";

/** One limit of a user, a group or a token, and its use. */
export interface UsedLimit {
  kind: string;
  name: string;
  limit: string;
  used: number;
  max: number;
  resetsAt: string;
}

/** Limits, what is used of them, and a form that sets one. */
export function Limits() {
  const limits = useLoaded<UsedLimit[]>("/api/v1/limits");
  return (
    <>
      <section class="panel">
        <header>
          <h2>Limits, and what is used of them</h2>
        </header>
        <Show of={limits}>
          {(all) =>
            all.length === 0 ? (
              <Empty title="No limit is set">
                <span>
                  A limit bounds what a user, a group or a token may use in a minute, a day or a month.
                </span>
              </Empty>
            ) : (
              <ul class="plain-list">
                {all.map((line) => (
                  <LimitUseRow key={`${line.kind} ${line.name} ${line.limit}`} line={line} />
                ))}
              </ul>
            )
          }
        </Show>
      </section>
      {may("update", "users") && <LimitForm onDone={limits.reload} />}
    </>
  );
}

function LimitUseRow({ line: { kind, name, limit, used, max, resetsAt } }: { line: UsedLimit }) {
  const text = (value: number) => (limit.startsWith("cost") ? dollars(value) : count(value));
  const part = Math.min(used / max, 1);
  return (
    <li class="limit">
      <span>
        {kind} <strong>{name}</strong>: {labelOf(limit).toLowerCase()}{" "}
        <span class="quiet small">
          begins again <Time at={resetsAt} as="ago" />
        </span>
      </span>
      <span class="number">
        {text(used)} of {text(max)} {part >= 1 && <Badge state="used up" />}
      </span>
      <div class={`meter ${part >= 1 ? "over" : part >= 0.8 ? "near" : ""}`} aria-hidden="true">
        <i style={{ width: `${part * 100}%` }} />
      </div>
    </li>
  );
}

interface LimitedObject extends ApiObject {
  limits?: Record<string, number>;
  version: number;
}

/** Sets one limit of a user or a group; empty takes it away. */
function LimitForm({ onDone }: { onDone: () => void }) {
  const [kind, setKind] = useState("user");
  const [name, setName] = useState("");
  const [limit, setLimit] = useState("costPerDay");
  const [value, setValue] = useState("");
  const descriptor = useShownKind("user");
  const known = descriptor?.fields.properties["limits"]?.properties ?? {};
  const objects = useLoaded<LimitedObject[]>(`/api/v1/${kind}s`, 0);
  const action = useAction();
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    void action.run(async () => {
      const path = `/api/v1/${kind}s/${encodeURIComponent(name)}`;
      const { limits = {}, version } = await request<LimitedObject>(path);
      const { [limit]: _, ...others } = limits;
      const now = value === "" ? others : { ...others, [limit]: Number(value) };
      const body = { limits: Object.keys(now).length === 0 ? null : now, version };
      await request(path, { method: "PUT", body });
      toast(value === "" ? `${name} has this limit no longer` : `Limited ${name}`);
      setValue("");
      onDone();
    });
  };
  return (
    <section class="panel">
      <header>
        <h2>Set a limit</h2>
      </header>
      <form class="body" onSubmit={submit}>
        <div class="columns narrow">
          <SelectField
            label="Of a"
            value={kind}
            onValue={setKind}
            options={[
              ["user", "user"],
              ["group", "group, all members together"],
            ]}
          />
          <TextField
            label="Named"
            value={name}
            onValue={setName}
            required
            suggestions={(objects.value ?? []).map((one) => one.name)}
          />
          <SelectField
            label="Limit"
            value={limit}
            onValue={setLimit}
            options={Object.keys(known).map((one) => [one, labelOf(one)] as const)}
            hint={known[limit]?.description}
          />
          <TextField
            label="At most"
            type="number"
            step="any"
            value={value}
            onValue={setValue}
            hint="Empty takes the limit away"
          />
        </div>
        {action.error && <Failure error={action.error} />}
        <div class="row">
          <button type="submit" class="button primary" disabled={action.isBusy}>
            Set it
          </button>
        </div>
        <Command text={commandOf("patch", kind, name || "NAME", `limits.${limit}=${value}`)} />
      </form>
    </section>
  );
}
