import type { KindExtension } from "./extension.ts";

export const token: KindExtension = {
  shownOnce: "token",
  warnings({ token, roleBindings }) {
    const grants = roleBindings as unknown[] | undefined;
    const isNew = typeof token === "string";
    return isNew && (!grants || grants.length === 0)
      ? [
          "it has no role yet, so every request with it is refused; grant one with --bind, or with an rbac object",
        ]
      : [];
  },
};
