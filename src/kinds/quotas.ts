import { kinds } from "./index.ts";

/** A bound on how many of something one user can have. */
export interface Quota {
  /** The plural of a kind, or of something else that users make. */
  name: string;
  /** The bound where neither the server nor the user sets another one. */
  most: number;
  description: string;
  /** Set if what counts ends by itself, so that it is worth trying again. */
  passes?: true;
}

/** All quotas. Administrators have none. */
export const quotas: readonly Quota[] = [
  ...kinds.map(({ plural, quota }) => ({
    name: plural,
    most: quota,
    description: `${plural} that the user owns`,
  })),
  { name: "kilobytes", most: 4096, description: "size of all objects that the user owns, as JSON" },
  { name: "sessions", most: 1000, description: "logins that have not ended", passes: true },
  { name: "threads", most: 1000, description: "threads with personas" },
  { name: "threadMegabytes", most: 500, description: "size of the messages of all threads" },
  { name: "files", most: 1000, description: "files for batches, and of their answers" },
  { name: "fileMegabytes", most: 500, description: "size of all files for batches, and of their answers" },
  { name: "batches", most: 20, description: "batches that have not ended", passes: true },
  { name: "tasks", most: 1000, description: "tasks by themselves that have not ended", passes: true },
  {
    name: "taskMegabytes",
    most: 500,
    description: "size of all tasks by themselves with their answers, also of those that have ended",
    passes: true,
  },
  { name: "workstations", most: 200, description: "agents that are registered", passes: true },
  { name: "streams", most: 200, description: "watches and other endless streams at a time", passes: true },
];
