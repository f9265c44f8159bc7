import { request } from "../../api/client.ts";
import { type ApiObject, useKind } from "../../api/lists.ts";
import { may } from "../../api/rights.ts";
import { session } from "../../api/session.ts";
import { NewButton, ObjectDialog } from "../../objects/object-dialog.tsx";
import { ObjectList } from "../../objects/object-list.tsx";
import { goTo, placeOf, route } from "../../route.ts";
import { SureButton, useAction } from "../../ui/action.tsx";
import { Failure } from "../../ui/states.tsx";
import { toast } from "../../ui/toasts.tsx";

interface ShownUser extends ApiObject {
  displayName?: string;
  groups: string[];
  hasPassword: boolean;
}

/** People who can sign in. */
export function Users() {
  const users = useKind<ShownUser>("users");
  const [, , opened] = route.value.path;
  const one = users.value?.find(({ name }) => name === opened);
  return (
    <>
      <ObjectList
        title="Users"
        kind="user"
        of={users}
        textOf={({ name, displayName, groups }) => [name, displayName, ...groups].join(" ")}
        empty={["No user"]}
        buttons={<NewButton kind="user" plural="users" label="New user" />}
      >
        {({ id, name, displayName, groups, hasPassword }) => (
          <li key={id}>
            <a href={placeOf(["access", "users", name])}>{name}</a>
            <span>{displayName}</span>
            <span class="quiet small">{groups.join(", ")}</span>
            <span class="badge">{hasPassword ? "can sign in" : "no password"}</span>
          </li>
        )}
      </ObjectList>
      {one && (
        <ObjectDialog
          key={one.id}
          kind="user"
          object={one}
          question="Delete it with its tokens and conversations?"
          onClose={() => goTo(placeOf(["access", "users"]))}
        >
          <UserFacts user={one} />
        </ObjectDialog>
      )}
    </>
  );
}

function UserFacts({ user: { id, name, groups, hasPassword } }: { user: ShownUser }) {
  const action = useAction();
  const isSelf = session.value.state === "in" && session.value.user.user === name;
  const forbidSignIn = () =>
    action.run(async () => {
      await request(`/api/v1/users/${encodeURIComponent(id)}`, { method: "PUT", body: { password: null } });
      toast(`${name} can no longer sign in`);
    });
  return (
    <>
      <dl class="facts">
        <dt>Groups</dt>
        <dd>{groups.join(", ") || "none"}</dd>
        <dt>Sign-in</dt>
        <dd class="row">
          {hasPassword ? "with a password" : "not possible: there is no password"}
          {hasPassword && !isSelf && may("update", "users", name) && (
            <SureButton
              label="Forbid sign-in"
              question="Take the password away, and end all sessions? Tokens stay good."
              isBusy={action.isBusy}
              onSure={forbidSignIn}
            />
          )}
        </dd>
      </dl>
      {action.error && <Failure error={action.error} />}
    </>
  );
}
