import type { Resource } from "../../../kinds/define.ts";
import type { TaskDetails } from "../../client/task-answers.ts";
import type { Target } from "../../kinds/resolve-kind.ts";
import type { Progress } from "../../terminal/progress.ts";

/** The condition that `wait` waits for. */
export interface Condition {
  /** The text for an object that meets it: `is deleted`. */
  met: string;
  /** The text for an object that does not: `not deleted`. */
  unmet: string;
  /** The field that it reads, and the value; undefined for the whole object. */
  wanted?: { path: string; value: string };
  /** @param object undefined if it does not exist */
  isMet(object: Resource | undefined): boolean;
}

/** Objects of one kind that do not meet the condition yet. */
export interface Wait {
  kind: Target["kind"];
  waiting: Set<string>;
}

/** The output while objects are waited for. */
export interface WaitReport {
  progress: Progress;
  /** Is called once for each object that meets the condition, with undefined for one that is deleted. */
  onMet(wait: Wait, name: string, object: Resource | TaskDetails | undefined): void;
}
