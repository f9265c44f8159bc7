import { type ApiObject, useKind, useLoaded } from "../../api/lists.ts";
import { Badge } from "../../ui/badge.tsx";
import { count, dollars } from "../../ui/format.ts";
import { SourceButton } from "../../ui/source.tsx";
import { Empty, Show } from "../../ui/states.tsx";
import { TabbedScreen } from "../../ui/tabbed-screen.tsx";
import { grantSentence, type ShownGrant } from "./grants.ts";
import { NewUser } from "./new-user.tsx";
import { Rights } from "./rights.tsx";
import { Tokens } from "./tokens.tsx";

const tabs = {
  tokens: ["Tokens", Tokens],
  users: ["Users and groups", Users],
  bindings: ["Bindings", Bindings],
  rights: ["Who may do what", Rights],
  limits: ["Limits", Limits],
} as const;

/** The rights of people and programs, and their limits. */
export function Access() {
  return <TabbedScreen title="Access" place="access" tabs={tabs} />;
}

interface ShownUser extends ApiObject {
  displayName?: string;
  groups: string[];
  hasPassword: boolean;
}

function Users() {
  const users = useKind<ShownUser>("users");
  const groups = useLoaded<(ApiObject & { members: string[] })[]>("/api/v1/groups");
  return (
    <div class="columns">
      <section class="panel">
        <header>
          <h2>Users</h2>
          <SourceButton kind="user" objects={users.value} />
        </header>
        <Show of={users}>
          {(all) => (
            <ul class="plain-list">
              {all.map(({ id, name, displayName, groups: own, hasPassword }) => (
                <li key={id}>
                  <strong>{name}</strong>
                  <span>{displayName}</span>
                  <span class="quiet small">{own.join(", ")}</span>
                  <span class="badge">{hasPassword ? "password" : "no password"}</span>
                </li>
              ))}
            </ul>
          )}
        </Show>
      </section>
      <div class="stack">
        <NewUser />
        <section class="panel">
          <header>
            <h2>Groups</h2>
            <SourceButton kind="group" objects={groups.value} />
          </header>
          <Show of={groups}>
            {(all) =>
              all.length === 0 ? (
                <Empty title="No group yet">
                  <span>
                    A group gives several users the same rights:{" "}
                    <code>mcpctl create group friends --member alice</code>
                  </span>
                </Empty>
              ) : (
                <ul class="plain-list">
                  {all.map(({ id, name, members }) => (
                    <li key={id}>
                      <strong>{name}</strong>
                      <span class="quiet">{members.join(", ") || "nobody"}</span>
                    </li>
                  ))}
                </ul>
              )
            }
          </Show>
        </section>
      </div>
    </div>
  );
}

function Bindings() {
  const bindings = useKind<
    ApiObject & { subjects: { kind: string; name: string }[]; roleBindings: ShownGrant[] }
  >("rbac");
  return (
    <section class="panel">
      <header>
        <h2>Bindings</h2>
        <SourceButton kind="rbac" objects={bindings.value} />
      </header>
      <Show of={bindings}>
        {(all) =>
          all.length === 0 ? (
            <Empty title="No binding yet">
              <span>
                Only the administrator may do anything. To give a right:{" "}
                <code>mcpctl grant alice run llms</code>
              </span>
            </Empty>
          ) : (
            <ul class="plain-list">
              {all.map(({ id, name, subjects, roleBindings }) => (
                <li key={id}>
                  <span>
                    {subjects.map((subject) => `${subject.kind} ${subject.name}`).join(", ") || "Nobody"} may{" "}
                    {roleBindings.map(grantSentence).join(", and ") || "do nothing"}.
                  </span>
                  <span class="quiet small">{name}</span>
                </li>
              ))}
            </ul>
          )
        }
      </Show>
    </section>
  );
}

interface UsedLimit {
  kind: string;
  name: string;
  limit: string;
  used: number;
  max: number;
}

function Limits() {
  const limits = useLoaded<UsedLimit[]>("/api/v1/limits");
  return (
    <section class="panel">
      <header>
        <h2>Limits, and what is used of them</h2>
      </header>
      <Show of={limits}>
        {(all) =>
          all.length === 0 ? (
            <Empty title="No limit is set">
              <span>
                For example a dollar a day: <code>mcpctl patch user alice limits.costPerDay=1</code>
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
  );
}

function LimitUseRow({ line: { kind, name, limit, used, max } }: { line: UsedLimit }) {
  const text = (value: number) => (limit.startsWith("cost") ? dollars(value) : count(value));
  const part = Math.min(used / max, 1);
  return (
    <li class="limit">
      <span>
        {kind} <strong>{name}</strong>: {limit.replace(/([A-Z])/g, (letter) => ` ${letter.toLowerCase()}`)}
      </span>
      <span class="number">
        {text(used)} of {text(max)} {part >= 1 && <Badge state="failed" />}
      </span>
      <div class={`meter ${part >= 1 ? "over" : part >= 0.8 ? "near" : ""}`} aria-hidden="true">
        <i style={{ width: `${part * 100}%` }} />
      </div>
    </li>
  );
}
