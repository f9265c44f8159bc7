import { expect, it } from "vitest";
import { kindOf } from "../../../../src/kinds/index.ts";
import { adminPrincipal } from "../../../../src/server/core/access/principals.ts";
import type { Catalogue } from "../../../../src/server/core/catalogue/catalogue.ts";
import { Resources } from "../../../../src/server/core/catalogue/resources.ts";
import { Snapshot } from "../../../../src/server/core/store/snapshot.ts";
import { row } from "../../../support/row.ts";
import { spin, turnsOf } from "../../../support/turns.ts";

it("the rights on very many rows are checked in several turns of the event loop (T329)", async () => {
  let isSlow = false;
  const projects = Array.from({ length: 200 }, (_, n) =>
    Object.defineProperty(row(`prj_${n}`, "project", ""), "name", {
      get() {
        if (isSlow) spin(0.5);
        return `p${String(n).padStart(3, "0")}`;
      },
    }),
  );
  const contents = { revision: 1, refs: [], bearers: [], sessions: [], withPassword: [], lastUsed: [] };
  const snapshot = new Snapshot({ ...contents, rows: [row("user_1", "user", "admin"), ...projects] });
  snapshot.table("project");
  const resources = new Resources({ snapshot } as Catalogue, {} as never, () => {});
  isSlow = true;
  const { value, turns } = await turnsOf(resources.list(adminPrincipal(snapshot), kindOf("project")));
  expect(value).toHaveLength(200);
  expect(turns).toBeGreaterThan(5);
});
