import { describe, expect, it } from "vitest";
import { type BinaryServer, freshFolder, must, startBinary } from "../support/binary.ts";
import { fakeBao } from "../support/openbao/fake.ts";
import type { BaoRequest, FakeBao } from "../support/openbao/types.ts";

const value = "marked-value-one";

type When = "before" | "after";

/** A server over a folder with secret `a` on the default backend and `b` in OpenBao. */
async function furnished(bao: FakeBao, home: string): Promise<BinaryServer> {
  const server = await startBinary({ home });
  await must(server.run(`create secret bao-token --data token=${bao.token}`));
  await must(
    server.run(`create secretbackend bao --type openbao --url ${bao.url} --token-secret bao-token/token`),
  );
  await must(server.run("create secret a --data k=-", { input: value }));
  await must(server.run("create secret b --backend bao --data k=-", { input: value }));
  return server;
}

/** Values that are stored in OpenBao. */
async function stored(bao: FakeBao): Promise<string[]> {
  const { body } = await bao.call("GET", "secret/metadata/mcpctl/?list=true");
  const folders: string[] = body.data?.keys ?? [];
  const paths: string[] = [];
  for (const folder of folders) {
    const { body } = await bao.call("GET", `secret/metadata/mcpctl/${folder}?list=true`);
    for (const key of body.data.keys) paths.push(folder + key);
  }
  return paths;
}

/** Kills a server with -9 at its n-th request to OpenBao: before it is handled, or before it is answered. */
function killAt(bao: FakeBao, server: BinaryServer, when: When, n: number): void {
  let count = 0;
  bao[when] = async (_: BaoRequest) => {
    if (++count !== n) return undefined;
    server.kill("SIGKILL");
    await server.ended;
    return "drop";
  };
}

function spare(bao: FakeBao): void {
  bao.before = undefined;
  bao.after = undefined;
}

/** Resolves when the server has checked its backends at its start. From then on it calls OpenBao for the migration alone. */
async function settled(server: BinaryServer): Promise<BinaryServer> {
  const unknown = async () => {
    const { body } = await server.admin("GET", "/api/v1/secretbackends");
    return body.some(({ health }: { health: object | null }) => health === null);
  };
  while (await unknown()) await Bun.sleep(20);
  return server;
}

describe.each([
  ["default", "bao"],
  ["bao", "default"],
])("mcpctl migrate secrets --from %s --to %s, with the server killed", (from, to) => {
  it("a migration killed before or after any request to OpenBao is finished by a second run", async () => {
    const bao = await fakeBao();
    const home = freshFolder();
    let server = await settled(await furnished(bao, home));
    const move = async (from: string, to: string) => {
      const { body } = await server.admin("POST", "/api/v1/secrets/migrate", { from, to, names: ["a"] });
      return body.results[0];
    };
    if (from === "bao") await move("default", "bao");

    const asked = bao.requests.length;
    expect(await move(from, to)).toEqual({ name: "a", result: "migrated" });
    const requests = bao.requests.length - asked;
    expect(requests).toBeGreaterThanOrEqual(3);
    await move(to, from);

    for (const when of ["before", "after"] as const) {
      for (let n = 1; n <= requests; n++) {
        const moment = `${when} request ${n} of ${requests}`;
        killAt(bao, server, when, n);
        const killed = await server.run(`migrate secrets --from ${from} --to ${to} --names a`);
        expect([killed.code, killed.stderr], moment).toEqual([1, expect.stringContaining("error:")]);
        expect(await server.ended, moment).toBe("SIGKILL");
        spare(bao);

        server = await settled(await startBinary({ home }));
        expect((await move(from, to)).result, moment).toMatch(/^(migrated|skipped)$/);
        for (const name of ["a", "b"]) {
          const { body } = await server.admin("GET", `/api/v1/secrets/${name}?reveal=true`);
          expect([body.backend, body.data], moment).toEqual([name === "a" ? to : "bao", { k: value }]);
        }
        expect(await stored(bao), moment).toHaveLength(to === "bao" ? 2 : 1);
        await move(to, from);
      }
    }
  });
});
