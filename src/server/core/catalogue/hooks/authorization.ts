import type { AuthorizationRow } from "../../store/typed-rows.ts";
import type { Row } from "../../store/types.ts";
import type { Hooks } from "../hooks.ts";
import { letGoOfTokens, shownStatus } from "../mcp-authorizations.ts";

export const authorizationHooks: Hooks<AuthorizationRow> = {
  shownIn: ({ status }) => ({ kind: "server", name: status.server }),
  remove({ row, snapshot, writeFirst }, { secretWrites }) {
    writeFirst.push(...letGoOfTokens(row as AuthorizationRow & Row, snapshot, secretWrites));
  },
  status({ status }, { snapshot }) {
    return {
      server: status.server,
      user: status.userId === undefined ? null : snapshot.nameOf(status.userId),
      status: status.state,
      authorizedBy: snapshot.nameOf(status.authorizedBy ?? null),
      ...shownStatus(status),
    };
  },
};
