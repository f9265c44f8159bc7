/** The operations that a binding can permit besides work on objects: `{role: run, action: …}`. */
export const actions = [
  "migrate-secrets",
  "rotate-secretbackend",
  "manage-secretbackends",
  "backup",
  "restore",
  "impersonate",
  "host-processes",
] as const;
export type Action = (typeof actions)[number];
