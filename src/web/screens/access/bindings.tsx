import { request } from "../../api/client.ts";
import { type ApiObject, useKind } from "../../api/lists.ts";
import { may } from "../../api/rights.ts";
import { ObjectButtons } from "../../objects/object-dialog.tsx";
import { ObjectList } from "../../objects/object-list.tsx";
import { Command } from "../../objects/source.tsx";
import { goTo, placeOf, route } from "../../route.ts";
import { SureButton, useAction } from "../../ui/action.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { Failure } from "../../ui/states.tsx";
import { toast } from "../../ui/toasts.tsx";
import { commandOf } from "../../ui/yaml.ts";
import { GrantForm } from "./grant-form.tsx";
import { grantSentence, grantWord, type ShownGrant, type ShownSubject, subjectWord } from "./grants.ts";

interface ShownBinding extends ApiObject {
  subjects: ShownSubject[];
  roleBindings: ShownGrant[];
}

/** The rights of users, groups and tokens as sentences. */
export function Bindings() {
  const bindings = useKind<ShownBinding>("rbac");
  const [, , opened] = route.value.path;
  const one = bindings.value?.find(({ name }) => name === opened);
  return (
    <>
      {may("create", "rbac") && <GrantForm bindings={bindings.value ?? []} />}
      <ObjectList
        title="Bindings"
        kind="rbac"
        of={bindings}
        textOf={(binding) => `${binding.name} ${sentenceOf(binding)}`}
        empty={["No binding yet", "Only the administrator may do anything until you give somebody a right."]}
      >
        {(binding) => (
          <li key={binding.id}>
            <span>{sentenceOf(binding)}</span>
            <a class="small" href={placeOf(["access", "bindings", binding.name])}>
              {binding.name}
            </a>
          </li>
        )}
      </ObjectList>
      {one && (
        <BindingDialog key={one.id} binding={one} onClose={() => goTo(placeOf(["access", "bindings"]))} />
      )}
    </>
  );
}

function sentenceOf({ subjects, roleBindings }: ShownBinding): string {
  const who = subjects.map(({ kind, name }) => `${kind} ${name}`).join(", ") || "Nobody";
  return `${who} may ${roleBindings.map(grantSentence).join(", and ") || "do nothing"}.`;
}

/** One binding, from which a subject or a right is taken. */
function BindingDialog({ binding, onClose }: { binding: ShownBinding; onClose: () => void }) {
  const { id, name, subjects, roleBindings, version } = binding;
  const action = useAction();
  const mayChange = may("update", "rbac", name);
  const change = (body: object, said: string) =>
    action.run(async () => {
      await request(`/api/v1/rbac/${encodeURIComponent(id)}`, { method: "PUT", body: { ...body, version } });
      toast(said);
    });
  const anew = roleBindings.some((grant) => grant.name !== undefined)
    ? " The other rights are given anew, for the objects that have their names now."
    : "";
  const [subject] = subjects;
  const [grant] = roleBindings;
  return (
    <Dialog title={name} onClose={onClose}>
      <section class="panel">
        <header>
          <h3>Who</h3>
        </header>
        <ul class="plain-list">
          {subjects.map((one) => (
            <li key={`${one.kind} ${one.name}`}>
              <span>
                {one.kind} <strong>{one.name}</strong>
              </span>
              {mayChange && subjects.length > 1 && (
                <SureButton
                  label="Take out"
                  question={`${one.name} loses these rights.`}
                  isBusy={action.isBusy}
                  onSure={() =>
                    change(
                      { subjects: subjects.filter((other) => other !== one) },
                      `${one.name} has lost them`,
                    )
                  }
                />
              )}
            </li>
          ))}
          {subjects.length === 0 && <li class="quiet">Nobody: it gives nothing.</li>}
        </ul>
      </section>
      <section class="panel">
        <header>
          <h3>May</h3>
        </header>
        <ul class="plain-list">
          {roleBindings.map((one) => (
            <li key={grantWord(one)}>
              <span>{grantSentence(one)}</span>
              {mayChange && roleBindings.length > 1 && (
                <SureButton
                  label="Revoke"
                  question={`Take this right away?${anew}`}
                  isBusy={action.isBusy}
                  onSure={() =>
                    change(
                      { roleBindings: roleBindings.filter((other) => other !== one) },
                      `Revoked: ${grantSentence(one)}`,
                    )
                  }
                />
              )}
            </li>
          ))}
        </ul>
      </section>
      {action.error && <Failure error={action.error} />}
      <div class="row">
        <ObjectButtons
          kind="rbac"
          plural="rbac"
          object={binding}
          question="All of these rights end."
          onGone={onClose}
        />
      </div>
      <Command
        text={
          subject && grant && subjects.length === 1
            ? commandOf("revoke", subjectWord(subject), ...grantWord(grant).split(" "))
            : commandOf("delete", "rbac", name)
        }
      />
    </Dialog>
  );
}
