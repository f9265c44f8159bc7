import { useState } from "preact/hooks";
import { type ApiError, shownError } from "../api/client.ts";

/** Something that a button does at the server. */
export interface PageAction {
  isBusy: boolean;
  error: ApiError | undefined;
  /** Does it, unless it is being done. Errors are kept to be shown. */
  run(work: () => Promise<void>): Promise<void>;
  forget(): void;
}

export function useAction(): PageAction {
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError>();
  return {
    isBusy,
    error,
    async run(work) {
      if (isBusy) return;
      setBusy(true);
      setError(undefined);
      try {
        await work();
      } catch (thrown) {
        setError(shownError(thrown));
      } finally {
        setBusy(false);
      }
    },
    forget: () => setError(undefined),
  };
}

/** A button that asks once more before it does what cannot be taken back. */
export function SureButton({
  label,
  question,
  onSure,
  isBusy,
}: {
  label: string;
  question: string;
  onSure: () => void;
  isBusy?: boolean;
}) {
  const [isAsking, setAsking] = useState(false);
  if (!isAsking)
    return (
      <button type="button" class="button danger" disabled={isBusy} onClick={() => setAsking(true)}>
        {label}
      </button>
    );
  return (
    <fieldset class="row plain-set">
      <legend class="hidden">{question}</legend>
      <span>{question}</span>
      <button
        type="button"
        class="button danger"
        onClick={() => {
          setAsking(false);
          onSure();
        }}
      >
        {label}
      </button>
      <button type="button" class="button" onClick={() => setAsking(false)}>
        Keep
      </button>
    </fieldset>
  );
}
