import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

interface FieldProps {
  label: string;
  value: string;
  onValue: (value: string) => void;
  hint?: ComponentChildren;
  required?: boolean;
}

/** A line of text. */
export function TextField({
  label,
  value,
  onValue,
  hint,
  required,
  ...more
}: FieldProps & {
  type?: "text" | "password" | "number" | "search";
  placeholder?: string;
  suggestions?: readonly string[];
  step?: string;
}) {
  const id = useId();
  const { suggestions, type = "text", ...input } = more;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        class="input"
        id={id}
        type={type as "text"}
        value={value}
        required={required}
        autocomplete="off"
        spellcheck={false}
        list={suggestions && `${id}-list`}
        aria-describedby={hint ? `${id}-hint` : undefined}
        onInput={(event) => onValue(event.currentTarget.value)}
        {...input}
      />
      {suggestions && (
        <datalist id={`${id}-list`}>
          {suggestions.map((one) => (
            <option key={one} value={one} />
          ))}
        </datalist>
      )}
      {hint && <small id={`${id}-hint`}>{hint}</small>}
    </div>
  );
}

/** Some lines of text. */
export function AreaField({
  label,
  value,
  onValue,
  hint,
  rows = 4,
  required,
}: FieldProps & { rows?: number }) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <textarea
        class="input"
        id={id}
        rows={rows}
        value={value}
        required={required}
        onInput={(event) => onValue(event.currentTarget.value)}
      />
      {hint && <small>{hint}</small>}
    </div>
  );
}

/** One of some words. */
export function SelectField({
  label,
  value,
  onValue,
  hint,
  options,
}: FieldProps & { options: readonly (readonly [value: string, text: string])[] }) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select class="input" id={id} value={value} onChange={(event) => onValue(event.currentTarget.value)}>
        {options.map(([one, text]) => (
          <option key={one} value={one}>
            {text}
          </option>
        ))}
      </select>
      {hint && <small>{hint}</small>}
    </div>
  );
}

/** The search of a list, in its head. */
export function Search({
  value,
  onValue,
  label,
}: {
  value: string;
  onValue: (value: string) => void;
  label: string;
}) {
  return (
    <input
      class="input search"
      type="search"
      aria-label={label}
      placeholder={label}
      value={value}
      onInput={(event) => onValue(event.currentTarget.value)}
    />
  );
}
