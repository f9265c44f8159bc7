import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { request, shownError } from "../api/client.ts";
import { readKinds, type ShownKind } from "../api/kinds.ts";
import type { ApiObject } from "../api/lists.ts";
import { labelOf, leavesOf } from "../api/schema.ts";
import { useAction } from "../ui/action.tsx";
import { TextField } from "../ui/fields.tsx";
import { Failure } from "../ui/states.tsx";
import { toast } from "../ui/toasts.tsx";
import { createCommand, patchCommand } from "./commands.ts";
import { SchemaField } from "./schema-field.tsx";
import { Command } from "./source.tsx";
import { changesOf, type FormTexts, textsOf, valuesOf } from "./values.ts";

/** The most names that are offered while somebody types. */
const mostSuggestions = 500;

/** Makes an object of a kind, or changes one. The fields are those of the kind's descriptor. */
export function ObjectForm({
  kind,
  object,
  preset = {},
  first,
  onDone,
  children,
}: {
  kind: ShownKind;
  /** Undefined for a new one. */
  object?: ApiObject | undefined;
  /** Fields of a new one that are set already, and not asked for. */
  preset?: Readonly<Record<string, unknown>>;
  /** The fields that are seen at once; others are one click away. */
  first: readonly string[];
  onDone: () => void;
  /** Buttons beside the one that saves. */
  children?: ComponentChildren;
}) {
  const { fields, plural } = kind;
  const before = useMemo(() => textsOf(fields, object ?? defaultsOf(kind)), [fields, kind, object]);
  const [edits, setEdits] = useState<FormTexts>({});
  const [name, setName] = useState("");
  const action = useAction();
  const suggestions = useSuggestions(kind);
  const texts = { ...before, ...edits };
  const asked = leavesOf(fields).filter(({ path }) => {
    const [field = ""] = path.split(".");
    return !(field in preset) && !(object && kind.immutable.includes(field));
  });
  const isFirst = (path: string) => first.includes(path.split(".")[0]!);
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    void action.run(async () => {
      if (object) {
        await saveChanges(kind, object, before, texts);
        setEdits({});
        toast(`Saved ${object.name}`);
      } else {
        await request(`/api/v1/${plural}`, { method: "POST", body: { ...newFields(), name } });
        toast(`Created ${name}`);
      }
      onDone();
    });
  };
  const newFields = () => {
    const defaults = textsOf(fields, defaultsOf(kind));
    return { ...valuesOf(fields, changedTexts(defaults, texts)), ...preset };
  };
  const field = ({ path, schema, form }: (typeof asked)[number]) => {
    const [top = "", inner] = path.split(".");
    return (
      <SchemaField
        key={path}
        path={path}
        schema={schema}
        form={form}
        value={texts[path] ?? ""}
        onValue={(value) => setEdits((old) => ({ ...old, [path]: value }))}
        isRequired={
          !object &&
          inner === undefined &&
          schema.default === undefined &&
          (fields.required ?? []).includes(path)
        }
        isHidden={kind.writeOnly.includes(top)}
        suggestions={suggestions[top]}
        hint={kind.writeOnly.includes(top) && object ? "Left empty, it stays as it is" : schema.description}
      />
    );
  };
  const rest = asked.filter(({ path }) => !isFirst(path));
  return (
    <form class="stack" onSubmit={submit}>
      {!object && <TextField label="Name" value={name} onValue={setName} required />}
      {first.flatMap((one) => {
        const own = asked.filter(({ path }) => path.split(".")[0] === one);
        return own.length > 1
          ? [
              <Group key={one} name={one}>
                {own.map(field)}
              </Group>,
            ]
          : own.map(field);
      })}
      {rest.length > 0 && (
        <details>
          <summary>More fields</summary>
          <div class="stack details">
            {groupsOf(rest).map(([top, own]) =>
              own.length > 1 ? (
                <Group key={top} name={top}>
                  {own.map(field)}
                </Group>
              ) : (
                own.map(field)
              ),
            )}
          </div>
        </details>
      )}
      {action.error && <Failure error={action.error} />}
      <div class="row">
        <button type="submit" class="button primary" disabled={action.isBusy}>
          {object ? "Save" : "Create"}
        </button>
        {children}
      </div>
      <Command text={commandFor()} />
    </form>
  );

  function commandFor(): string {
    try {
      return object
        ? patchCommand(kind, object, changesOf(fields, before, texts))
        : createCommand(kind, name, newFields());
    } catch {
      return object ? patchCommand(kind, object, {}) : createCommand(kind, name, preset);
    }
  }
}

/**
 * Sends the fields that were changed in a form. Where somebody else has changed the object meanwhile, both changes stay,
 * unless they are of the same field (failure mode 230).
 */
async function saveChanges(
  { plural, fields }: ShownKind,
  object: ApiObject,
  before: FormTexts,
  texts: FormTexts,
): Promise<void> {
  const path = `/api/v1/${plural}/${encodeURIComponent(object.id)}`;
  const changes = changesOf(fields, before, texts);
  const save = (version: unknown) => request(path, { method: "PUT", body: { ...changes, version } });
  try {
    await save(object["version"]);
  } catch (thrown) {
    if (shownError(thrown).code !== "stale_version") throw thrown;
    const fresh = await request<ApiObject>(path);
    const ofOthers = changesOf(fields, before, textsOf(fields, fresh));
    if (Object.keys(changes).some((field) => field in ofOthers)) throw thrown;
    await save(fresh["version"]);
  }
}

function Group({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <fieldset class="plain-set">
      <legend>{labelOf(name)}</legend>
      <div class="columns narrow">{children}</div>
    </fieldset>
  );
}

function groupsOf<T extends { path: string }>(fields: readonly T[]): [string, T[]][] {
  return [...Map.groupBy(fields, ({ path }) => path.split(".")[0]!)];
}

function defaultsOf({ fields }: ShownKind): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields.properties).map(([name, schema]) => [
      name,
      // An empty object by default is an empty field.
      JSON.stringify(schema.default) === "{}" || JSON.stringify(schema.default) === "[]"
        ? undefined
        : schema.default,
    ]),
  );
}

function changedTexts(defaults: FormTexts, texts: FormTexts): FormTexts {
  return Object.fromEntries(Object.entries(texts).filter(([path, text]) => text !== (defaults[path] ?? "")));
}

/** Names for the fields that name other objects, by the field. */
function useSuggestions(kind: ShownKind): Readonly<Record<string, readonly string[]>> {
  const [all, setAll] = useState<Record<string, readonly string[]>>({});
  useEffect(() => {
    let isOver = false;
    const named = Object.values(kind.flags).flatMap(({ field, names, parse }) =>
      names !== undefined ? [[field, names] as const] : parse === "ref" ? [[field, "secret"] as const] : [],
    );
    void readKinds().then(async (kinds) => {
      for (const [field, target] of named) {
        const plural = kinds.find((one) => one.kind === target)?.plural;
        const rows = await request<(ApiObject & { keys?: string[] })[]>(
          `/api/v1/${plural}?limit=${mostSuggestions}`,
        ).catch(() => []);
        const names = rows.flatMap((row) =>
          target === "secret" ? (row.keys ?? []).map((key) => `${row.name}/${key}`) : [row.name],
        );
        if (!isOver) setAll((old) => ({ ...old, [field]: names }));
      }
    });
    return () => {
      isOver = true;
    };
  }, [kind]);
  return all;
}
