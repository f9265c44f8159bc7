import type { ComponentChildren } from "preact";
import type { ApiError } from "../api/client.ts";
import type { Loaded } from "../api/lists.ts";

/** Grey lines in the place of what is loading. They keep its space, so that nothing jumps. */
export function Bones({ lines = 3 }: { lines?: number }) {
  return (
    <div class="bones" role="status">
      <span class="hidden">Loading…</span>
      {Array.from({ length: lines }, (_, i) => `line ${i}`).map((line) => (
        <i key={line} aria-hidden="true" />
      ))}
    </div>
  );
}

/** An error of the server, and what to do about it. */
export function Failure({
  error,
  retry,
  isReading = false,
}: {
  error: ApiError;
  retry?: () => void;
  /** True for something that was to be shown, false for something that was to be done. */
  isReading?: boolean;
}) {
  const isRefused = isReading && error.code === "forbidden";
  return (
    <div class={`note ${isRefused ? "" : "bad"}`} role={isRefused ? undefined : "alert"}>
      <strong>{isRefused ? "You may not see this" : sentence(error.message)}</strong>
      {isRefused && (
        <span class="quiet">{sentence(error.message)} Somebody who manages access can change that.</span>
      )}
      {error.hint && <span class="quiet">{sentence(error.hint)}</span>}
      {error.requestId && !isRefused && <span class="quiet small mono">{error.requestId}</span>}
      {retry && !isRefused && (
        <span>
          <button type="button" class="button slim" onClick={retry}>
            Try again
          </button>
        </span>
      )}
    </div>
  );
}

/** An empty list, with the first thing to do. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <strong>{title}</strong>
      {children}
    </div>
  );
}

/** Shows what was loaded; before that bones, or the error. A later error stands above what was loaded before. */
export function Show<T>({
  of,
  lines,
  children,
}: {
  of: Loaded<T>;
  lines?: number;
  children: (value: T) => ComponentChildren;
}) {
  const { value, error, reload } = of;
  if (value === undefined)
    // The page says once that the server is gone.
    return error && error.code !== "unreachable" ? (
      <div class="body">
        <Failure error={error} retry={reload} isReading />
      </div>
    ) : (
      <Bones {...(lines !== undefined && { lines })} />
    );
  return (
    <>
      {error && error.code !== "unreachable" && (
        <div class="body">
          <Failure error={error} retry={reload} isReading />
        </div>
      )}
      {children(value)}
    </>
  );
}

/** Returns a text of the server as a sentence. */
export function sentence(text: string): string {
  const first = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(first) ? first : `${first}.`;
}
