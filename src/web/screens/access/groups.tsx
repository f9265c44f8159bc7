import { type ApiObject, useKind } from "../../api/lists.ts";
import { NewButton, ObjectDialog } from "../../objects/object-dialog.tsx";
import { ObjectList } from "../../objects/object-list.tsx";
import { goTo, placeOf, route } from "../../route.ts";

/** Members that are named in a row. */
const mostNamed = 8;

/** Groups of users. */
export function Groups() {
  const groups = useKind<ApiObject & { members: string[] }>("groups");
  const [, , opened] = route.value.path;
  const one = groups.value?.find(({ name }) => name === opened);
  return (
    <>
      <ObjectList
        title="Groups"
        kind="group"
        of={groups}
        textOf={({ name, members }) => [name, ...members].join(" ")}
        empty={["No group yet", "A group gives several users the same rights and limits."]}
        buttons={<NewButton kind="group" plural="groups" label="New group" />}
      >
        {({ id, name, members }) => (
          <li key={id}>
            <a href={placeOf(["access", "groups", name])}>{name}</a>
            <span class="quiet small">
              {members.slice(0, mostNamed).join(", ") || "nobody"}
              {members.length > mostNamed && ` and ${members.length - mostNamed} more`}
            </span>
          </li>
        )}
      </ObjectList>
      {one && (
        <ObjectDialog
          key={one.id}
          kind="group"
          object={one}
          question="Its members lose what it gives them."
          onClose={() => goTo(placeOf(["access", "groups"]))}
        />
      )}
    </>
  );
}
