import { expect, it } from "vitest";
import { adminPrincipal } from "../../../src/server/core/access/principals.ts";
import { Snapshot } from "../../../src/server/core/store/snapshot.ts";
import { listedModels } from "../../../src/server/inference/listed-models.ts";
import { row } from "../../support/row.ts";

it("the list of models looks at each member of a pool a few times, however many llms and aliases it has (T241)", () => {
  const count = 1000;
  const llms = Array.from({ length: count }, (_, n) =>
    row(`llm_${n}`, "llm", `m${n}`, {
      createdAt: n + 1,
      spec: { type: "openai", model: "m", poolName: "pool", aliases: ["fast", `alias-${n}`] },
    }),
  );
  const snapshot = new Snapshot({
    revision: 1,
    rows: [row("user_1", "user", "admin"), ...llms],
    refs: [],
    bearers: [],
    sessions: [],
    withPassword: [],
    lastUsed: [],
  } as ConstructorParameters<typeof Snapshot>[0]);
  let looks = 0;
  const { capabilities } = snapshot.volatile;
  const get = capabilities.get.bind(capabilities);
  capabilities.get = (id) => {
    looks++;
    return get(id);
  };
  const listed = listedModels(snapshot, adminPrincipal(snapshot));
  expect(listed.length).toBe(2 * count + 2);
  expect(looks).toBeLessThan(10 * count);
  const created = Object.fromEntries(listed.map(({ id, createdAt }) => [id, createdAt]));
  expect([created["pool"], created["fast"], created["m7"], created["alias-7"]]).toEqual([1, 1, 8, 1]);
});
