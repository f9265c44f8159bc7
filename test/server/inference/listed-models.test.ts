import { expect, it } from "vitest";
import { adminPrincipal } from "../../../src/server/core/access/principals.ts";
import { Snapshot } from "../../../src/server/core/store/snapshot.ts";
import { listedModel, listedModels } from "../../../src/server/inference/listed-models.ts";
import { row } from "../../support/row.ts";
import { spin, turnsOf } from "../../support/turns.ts";

const contents = { revision: 1, refs: [], bearers: [], sessions: [], withPassword: [], lastUsed: [] };

it("the list of models looks at each member of a pool a few times, however many llms and aliases it has (T241)", async () => {
  const count = 1000;
  const llms = Array.from({ length: count }, (_, n) =>
    row(`llm_${n}`, "llm", `m${n}`, {
      createdAt: n + 1,
      spec: { type: "openai", model: "m", poolName: "pool", aliases: ["fast", `alias-${n}`] },
    }),
  );
  const snapshot = new Snapshot({ ...contents, rows: [row("user_1", "user", "admin"), ...llms] });
  let looks = 0;
  const { capabilities } = snapshot.volatile;
  const get = capabilities.get.bind(capabilities);
  capabilities.get = (id) => {
    looks++;
    return get(id);
  };
  const listed = await listedModels(snapshot, adminPrincipal(snapshot));
  expect(listed.length).toBe(2 * count + 2);
  expect(looks).toBeLessThan(10 * count);
  for (const one of [0, 7, count, count + 1, 2 * count + 1])
    expect(listedModel(snapshot, adminPrincipal(snapshot), listed[one]!.id)).toEqual(listed[one]);
  const created = Object.fromEntries(listed.map(({ id, createdAt }) => [id, createdAt]));
  expect([created["pool"], created["fast"], created["m7"], created["alias-7"]]).toEqual([1, 1, 8, 1]);
});

it("the list of very many models is made in several turns of the event loop (T329)", async () => {
  const llms = Array.from({ length: 200 }, (_, n) =>
    row(`llm_${n}`, "llm", `m${n}`, { spec: { type: "openai", model: "m" } }),
  );
  const snapshot = new Snapshot({ ...contents, rows: [row("user_1", "user", "admin"), ...llms] });
  snapshot.volatile.capabilities.get = () => void spin(0.5);
  const { value, turns } = await turnsOf(listedModels(snapshot, adminPrincipal(snapshot)));
  expect(value).toHaveLength(200);
  expect(turns).toBeGreaterThan(5);
});
