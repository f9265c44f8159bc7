import { AppError } from "../../errors.ts";
import type { KindExtension } from "./extension.ts";

export const token: KindExtension = {
  createArgs: {
    user: {
      type: "string",
      valueHint: "USER",
      complete: { kind: "user" },
      description: "Make it for this user: for administrators who may run impersonate",
    },
  },
  createQuery: (args): Record<string, string> =>
    typeof args["user"] === "string" ? { user: args["user"] } : {},
  async startFrom(_, args) {
    if (args["user"] !== undefined && args["force"] === true)
      throw new AppError("usage", "--user makes a new token, and --force is for one that exists");
    return undefined;
  },
  shownOnce: "token",
  renewal: ({ name }) => `mcpctl rotate token ${name}`,
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
