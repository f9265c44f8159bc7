import { useEffect, useState } from "preact/hooks";
import { actions } from "../../../kinds/operations.ts";
import { request } from "../../api/client.ts";
import { readKinds, type ShownKind } from "../../api/kinds.ts";
import { type ApiObject, useLoaded } from "../../api/lists.ts";
import { Command } from "../../objects/source.tsx";
import { useAction } from "../../ui/action.tsx";
import { SelectField, TextField } from "../../ui/fields.tsx";
import { Failure } from "../../ui/states.tsx";
import { toast } from "../../ui/toasts.tsx";
import { commandOf } from "../../ui/yaml.ts";
import { bindingName, grantSentence, grantWord, type ShownGrant, subjectWord } from "./grants.ts";

const roles = [
  ["run", "run (call it, use it)"],
  ["view", "view"],
  ["edit", "view, create, change and delete"],
  ["create", "create"],
  ["delete", "delete"],
  ["expose", "view and expose (publish, or use its secrets)"],
] as const;

const operations: readonly string[] = actions;

/** Gives one right to a user, a group or a token. */
export function GrantForm({ bindings }: { bindings: readonly ApiObject[] }) {
  const [who, setWho] = useState("User");
  const [subjectName, setSubjectName] = useState("");
  const [role, setRole] = useState("run");
  const [on, setOn] = useState("llms");
  const [name, setName] = useState("");
  const kinds = useAllKinds();
  const action = useAction();
  const subjects = useLoaded<ApiObject[]>(`/api/v1/${who.toLowerCase()}s`, 0);
  const isOperation = operations.includes(on);
  const isOne = !isOperation && on !== "*" && on !== "audit" && on !== "metrics";
  const objects = useLoaded<ApiObject[]>(isOne ? `/api/v1/${on}` : undefined, 0);
  const subject = { kind: who, name: subjectName };
  const grant: ShownGrant = isOperation
    ? { role: "run", action: on }
    : { role, resource: on, ...(isOne && name !== "" && { name }) };
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    void action.run(async () => {
      const body = {
        name: bindingName(subject, grant, new Set(bindings.map((one) => one.name))),
        subjects: [subject],
        roleBindings: [grant],
      };
      await request("/api/v1/rbac", { method: "POST", body });
      toast(`${subjectName} may ${grantSentence(grant)}`);
      setSubjectName("");
      setName("");
    });
  };
  return (
    <section class="panel">
      <header>
        <h2>Give a right</h2>
      </header>
      <form class="body" onSubmit={submit}>
        <div class="columns narrow">
          <SelectField
            label="To a"
            value={who}
            onValue={(value) => {
              setWho(value);
              setSubjectName("");
            }}
            options={["User", "Group", "Token"].map((one) => [one, one.toLowerCase()] as const)}
          />
          <TextField
            label="Named"
            value={subjectName}
            onValue={setSubjectName}
            required
            suggestions={(subjects.value ?? []).map((one) => one.name)}
          />
          <SelectField label="May" value={role} onValue={setRole} options={roles} />
          <SelectField
            label="On"
            value={on}
            onValue={(value) => {
              setOn(value);
              setName("");
            }}
            options={[
              ...kinds.map(({ plural }) => [plural, plural] as const),
              ["audit", "the audit log"],
              ["metrics", "metrics and status"],
              ["*", "everything"],
              ...operations.map((one) => [one, `operation: ${one}`] as const),
            ]}
          />
          {isOne && (
            <TextField
              label="Only the one named"
              value={name}
              onValue={setName}
              placeholder="all"
              suggestions={(objects.value ?? []).map((one) => one.name)}
            />
          )}
        </div>
        <p role="status">
          {subjectName === "" ? `A ${who.toLowerCase()}` : `${who} ${subjectName}`} may {grantSentence(grant)}
          .
        </p>
        {action.error && <Failure error={action.error} />}
        <div class="row">
          <button type="submit" class="button primary" disabled={action.isBusy}>
            Give it
          </button>
        </div>
        <Command
          text={commandOf(
            "grant",
            subjectWord({ kind: who, name: subjectName || "NAME" }),
            ...grantWord(grant).split(" "),
          )}
        />
      </form>
    </section>
  );
}

/** The kinds whose objects have rights of their own. */
function useAllKinds(): readonly ShownKind[] {
  const [kinds, setKinds] = useState<readonly ShownKind[]>([]);
  useEffect(() => {
    readKinds().then(
      (all) => setKinds(all.filter(({ partOf }) => partOf === undefined)),
      () => {},
    );
  }, []);
  return kinds;
}
