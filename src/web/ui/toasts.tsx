import { signal } from "@preact/signals";

interface Toast {
  id: number;
  text: string;
  tone: "good" | "bad";
}

const toasts = signal<Toast[]>([]);
let last = 0;

/** Says for some seconds that something was done, or failed. */
export function toast(text: string, tone: Toast["tone"] = "good"): void {
  const id = ++last;
  toasts.value = [...toasts.value, { id, text, tone }];
  setTimeout(
    () => {
      toasts.value = toasts.value.filter((one) => one.id !== id);
    },
    tone === "bad" ? 10_000 : 4000,
  );
}

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map(({ id, text, tone }) => (
        <div key={id} class={`note ${tone}`}>
          {text}
        </div>
      ))}
    </div>
  );
}
