import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { request } from "../api/client.ts";
import { useShownKind } from "../api/kinds.ts";
import type { ApiObject } from "../api/lists.ts";
import { may } from "../api/rights.ts";
import { SureButton, useAction } from "../ui/action.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { Bones, Failure } from "../ui/states.tsx";
import { toast } from "../ui/toasts.tsx";
import { ObjectForm } from "./object-form.tsx";
import { SourceButton } from "./source.tsx";

/** The fields of each kind that are seen at once. */
const firstFields: Readonly<Record<string, readonly string[]>> = {
  user: ["displayName", "password"],
  group: ["members"],
  agent: ["llm", "description", "systemPrompt"],
  project: ["description", "servers", "prompt"],
  prompt: ["description", "content", "priority"],
  llm: ["model", "url", "apiKeyRef", "description", "poolName"],
  server: ["description", "url", "command", "package", "args"],
  proxymodel: ["description", "gate", "stages"],
  secretbackend: ["type", "description", "config"],
};

/** One object: what is to know about it, its fields to change, its YAML, and its end. */
export function ObjectDialog({
  kind: name,
  object,
  question,
  onClose,
  children,
}: {
  kind: string;
  object: ApiObject;
  /** The question before it is deleted. */
  question: string;
  onClose: () => void;
  children?: ComponentChildren;
}) {
  const kind = useShownKind(name);
  const buttons = kind && (
    <ObjectButtons kind={name} plural={kind.plural} object={object} question={question} onGone={onClose} />
  );
  return (
    <Dialog title={object.name} onClose={onClose}>
      {children}
      {!kind ? (
        <Bones />
      ) : may("update", kind.plural, object.name) ? (
        <ObjectForm
          key={object.id}
          kind={kind}
          object={object}
          first={firstFields[name] ?? []}
          onDone={onClose}
        >
          {buttons}
        </ObjectForm>
      ) : (
        <div class="row">{buttons}</div>
      )}
    </Dialog>
  );
}

/** The YAML of an object, a button that deletes it, and one that opens its form. */
export function ObjectButtons({
  kind,
  plural,
  object,
  question,
  onGone,
  withForm = false,
  onChanged,
}: {
  kind: string;
  plural: string;
  object: ApiObject;
  question: string;
  onGone: () => void;
  withForm?: boolean;
  /** Called when it was changed, for lists that do not follow changes. */
  onChanged?: () => void;
}) {
  const [isChanging, setChanging] = useState(false);
  const action = useAction();
  const remove = () =>
    action.run(async () => {
      await request(`/api/v1/${plural}/${encodeURIComponent(object.id)}`, { method: "DELETE" });
      toast(`Deleted ${object.name}`);
      onGone();
    });
  return (
    <>
      {withForm && may("update", plural, object.name) && (
        <button type="button" class="button" aria-haspopup="dialog" onClick={() => setChanging(true)}>
          Change
        </button>
      )}
      {isChanging && (
        <FormDialog
          kind={kind}
          object={object}
          title={`Change ${object.name}`}
          onDone={onChanged}
          onClose={() => setChanging(false)}
        />
      )}
      <SourceButton kind={kind} objects={[object]} />
      {may("delete", plural, object.name) && (
        <SureButton label="Delete" question={question} isBusy={action.isBusy} onSure={remove} />
      )}
      {action.error && <Failure error={action.error} />}
    </>
  );
}

/** A button that opens the form of a new object. */
export function NewButton({
  kind: name,
  plural,
  label,
  preset,
  isPrimary = true,
  onDone,
}: {
  kind: string;
  plural: string;
  label: string;
  preset?: Readonly<Record<string, unknown>>;
  isPrimary?: boolean;
  /** Called when it was made, for lists that do not follow changes. */
  onDone?: () => void;
}) {
  const [isOpen, setOpen] = useState(false);
  if (!may("create", plural)) return null;
  return (
    <>
      <button
        type="button"
        class={`button ${isPrimary ? "primary" : ""}`}
        aria-haspopup="dialog"
        onClick={() => setOpen(true)}
      >
        {label}
      </button>
      {isOpen && (
        <FormDialog
          kind={name}
          title={label}
          preset={preset}
          onDone={onDone}
          onClose={() => setOpen(false)}
        />
      )}
    </>
  );
}

function FormDialog({
  kind: name,
  title,
  object,
  preset,
  onDone,
  onClose,
}: {
  kind: string;
  title: string;
  object?: ApiObject;
  preset?: Readonly<Record<string, unknown>> | undefined;
  onDone?: (() => void) | undefined;
  onClose: () => void;
}) {
  const kind = useShownKind(name);
  return (
    <Dialog title={title} onClose={onClose}>
      {kind ? (
        <ObjectForm
          kind={kind}
          object={object}
          first={firstFields[name] ?? []}
          onDone={() => {
            onDone?.();
            onClose();
          }}
          {...(preset && { preset })}
        />
      ) : (
        <Bones />
      )}
    </Dialog>
  );
}
