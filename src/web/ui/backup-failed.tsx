import { Time } from "./time.tsx";

/** Says that the last backup failed, and why. */
export function BackupFailed({ at, reason }: { at: string; reason: string | null }) {
  return (
    <div class="note bad">
      <strong>
        The last backup failed <Time at={at} as="ago" />
      </strong>
      <span>{reason}</span>
    </div>
  );
}
