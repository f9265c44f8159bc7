import type { ComponentChildren } from "preact";
import { useId, useState } from "preact/hooks";

/** A list of texts: each can be taken out, and one is added at a time. */
export function NamesField({
  label,
  value,
  onValue,
  hint,
  suggestions,
}: {
  label: string;
  /** One text a line. */
  value: string;
  onValue: (value: string) => void;
  hint?: ComponentChildren;
  suggestions?: readonly string[] | undefined;
}) {
  const id = useId();
  const [typed, setTyped] = useState("");
  const names = value === "" ? [] : value.split("\n");
  const add = () => {
    const name = typed.trim();
    if (name !== "" && !names.includes(name)) onValue([...names, name].join("\n"));
    setTyped("");
  };
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {names.length > 0 && (
        <ul class="names" aria-label={label}>
          {names.map((name) => (
            <li key={name}>
              {name}
              <button
                type="button"
                aria-label={`Take out ${name}`}
                onClick={() => onValue(names.filter((one) => one !== name).join("\n"))}
              >
                ×
              </button>
            </li>
          ))}
        </ul>
      )}
      <div class="row joined">
        <input
          class="input"
          id={id}
          value={typed}
          autocomplete="off"
          spellcheck={false}
          list={suggestions && `${id}-list`}
          aria-describedby={hint ? `${id}-hint` : undefined}
          onInput={(event) => setTyped(event.currentTarget.value)}
          onChange={add}
          onKeyDown={(event) => {
            if (event.key !== "Enter" || typed.trim() === "") return;
            event.preventDefault();
            add();
          }}
        />
        <button type="button" class="button" onClick={add}>
          Add
        </button>
      </div>
      {suggestions && (
        <datalist id={`${id}-list`}>
          {suggestions
            .filter((one) => !names.includes(one))
            .map((one) => (
              <option key={one} value={one} />
            ))}
        </datalist>
      )}
      {hint && <small id={`${id}-hint`}>{hint}</small>}
    </div>
  );
}
