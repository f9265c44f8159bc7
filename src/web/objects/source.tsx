import { useState } from "preact/hooks";
import { manifestOf, useShownKind } from "../api/kinds.ts";
import type { ApiObject } from "../api/lists.ts";
import { CodeBlock } from "../ui/code-block.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { commandOf, yamlOf } from "../ui/yaml.ts";
import { scopeWords } from "./commands.ts";

/** Opens the YAML of objects of a kind, and the command that prints it. */
export function SourceButton({ kind, objects }: { kind: string; objects: readonly ApiObject[] | undefined }) {
  const [isOpen, setOpen] = useState(false);
  if (objects?.length === 0) return null;
  return (
    <>
      <button
        type="button"
        class="button"
        disabled={!objects}
        aria-haspopup="dialog"
        onClick={() => setOpen(true)}
      >
        Show YAML
      </button>
      {isOpen && objects && <SourceDialog kind={kind} objects={objects} onClose={() => setOpen(false)} />}
    </>
  );
}

function SourceDialog({
  kind,
  objects,
  onClose,
}: {
  kind: string;
  objects: readonly ApiObject[];
  onClose: () => void;
}) {
  const own = useShownKind(kind);
  const text = own
    ? objects.map((object) => yamlOf(manifestOf(own, object)).trimStart()).join("\n---\n")
    : "";
  const [first] = objects;
  const one = objects.length === 1 ? first : undefined;
  return (
    <Dialog title={one?.name ?? `YAML of ${objects.length} objects`} onClose={onClose}>
      <CodeBlock text={text} />
      <Command
        text={commandOf("get", kind, one?.name, "-o", "yaml", ...(one && own ? scopeWords(own, one) : []))}
      />
    </Dialog>
  );
}

/** The command line that does the same. */
export function Command({ text }: { text: string }) {
  return (
    <div class="field">
      <span class="label">The same on the command line</span>
      <CodeBlock text={text} />
    </div>
  );
}
