import { useState } from "preact/hooks";
import { request } from "../../api/client.ts";
import { type ApiObject, useLoaded } from "../../api/lists.ts";
import { Command } from "../../objects/source.tsx";
import { useAction } from "../../ui/action.tsx";
import { SelectField, TextField } from "../../ui/fields.tsx";
import { Empty, Failure, Show } from "../../ui/states.tsx";
import { commandOf } from "../../ui/yaml.ts";
import { grantSentence, type ShownGrant } from "./grants.ts";

const verbs = ["view", "create", "edit", "delete", "run", "expose"] as const;

interface HeldRule {
  holder: string;
  via: string;
  binding: string | null;
  grant: ShownGrant & Record<string, string>;
  isStale: boolean;
}

/** All rules of a user with where they come from, and a question about one right. */
export function Rights() {
  const users = useLoaded<ApiObject[]>("/api/v1/users", 0);
  const [user, setUser] = useState("");
  const rules = useLoaded<HeldRule[]>(
    `/api/v1/auth/rights${user === "" ? "" : `?user=${encodeURIComponent(user)}`}`,
    0,
  );
  const options: (readonly [string, string])[] = [
    ["", "Me"],
    ...(users.value ?? []).map(({ name }) => [name, name] as const),
  ];
  return (
    <>
      <section class="panel">
        <header>
          <h2>Rights, and where they come from</h2>
        </header>
        <div class="body">
          <SelectField label="User" value={user} onValue={setUser} options={options} />
          <Show of={rules}>{(value) => <Rules rules={value} />}</Show>
          <Command text={commandOf("auth", "can-i", "--list", ...(user === "" ? [] : ["--as", user]))} />
        </div>
      </section>
      <Question user={user} />
    </>
  );
}

function Rules({ rules }: { rules: readonly HeldRule[] }) {
  if (rules.length === 0) return <Empty title="No rights" />;
  return (
    <ul class="plain-list">
      {rules.map(({ holder, via, binding, grant, isStale }) => (
        <li key={`${holder} ${via} ${binding} ${JSON.stringify(grant)}`}>
          <span>
            may {grantSentence(grant)}
            {isStale && <span class="quiet"> (given for an object that is gone)</span>}
          </span>
          <span class="quiet small">
            {binding === null ? "by itself" : `by the binding ${binding}`}, as {via}
          </span>
        </li>
      ))}
    </ul>
  );
}

function Question({ user }: { user: string }) {
  const [verb, setVerb] = useState<string>("run");
  const [resource, setResource] = useState("llms");
  const [name, setName] = useState("");
  const [isAllowed, setAllowed] = useState<boolean>();
  const action = useAction();
  const ask = (event: SubmitEvent) => {
    event.preventDefault();
    setAllowed(undefined);
    void action.run(async () => {
      const body = { verb, resource, ...(name !== "" && { name }), ...(user !== "" && { user }) };
      setAllowed(
        (await request<{ allowed: boolean }>("/api/v1/auth/can-i", { method: "POST", body })).allowed,
      );
    });
  };
  const who = user === "" ? "You" : user;
  return (
    <section class="panel">
      <header>
        <h2>May {user === "" ? "I" : user} …?</h2>
      </header>
      <form class="body" onSubmit={ask}>
        <div class="columns narrow">
          <SelectField
            label="Do"
            value={verb}
            onValue={setVerb}
            options={verbs.map((one) => [one, one] as const)}
          />
          <TextField label="Kind" value={resource} onValue={setResource} required />
          <TextField label="Name" value={name} onValue={setName} placeholder="any" />
        </div>
        {isAllowed !== undefined && (
          <div class={`note ${isAllowed ? "good" : "bad"}`} role="status">
            <strong>
              {who} {isAllowed ? "may" : "may not"} {verb} {name === "" ? resource : `${resource} ${name}`}
            </strong>
          </div>
        )}
        {action.error && <Failure error={action.error} />}
        <div class="row">
          <button type="submit" class="button primary" disabled={action.isBusy}>
            Ask
          </button>
        </div>
        <Command
          text={commandOf(
            "auth",
            "can-i",
            verb,
            name === "" ? resource : `${resource}/${name}`,
            ...(user === "" ? [] : ["--as", user]),
          )}
        />
      </form>
    </section>
  );
}
