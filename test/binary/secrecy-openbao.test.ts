import { expect, it } from "vitest";
import { fakeBao } from "../support/openbao/fake.ts";
import type { BaoRequest, FakeBao } from "../support/openbao/types.ts";
import { baoFaults, findings, marks } from "../support/secrecy.ts";
import { readEverything, type SecrecySetup, startSecrecySetup } from "../support/test-secrecy.ts";

const faults = Object.keys(baoFaults);
const wizardPath = "/api/v1/secretbackends/wizard";

/** Lets an OpenBao fail in some way from its n-th request on, counted from now. */
function failFrom(bao: FakeBao, fault: string, n: number, counts = (_: BaoRequest) => true): void {
  let count = 0;
  bao.before = (request) => {
    if (counts(request)) count++;
    return count >= n ? baoFaults[fault]!(request) : undefined;
  };
}

interface Case {
  fault: string;
  step: number;
}

/** At each of so many steps the failure that looks like a success, and at every other one another. */
function onTheWay(steps: number): Case[] {
  const all = Array.from({ length: steps }, (_, n) => ({ fault: "a wrong answer", step: n + 1 }));
  const others = all.filter(({ step }) => step % 2 === 0);
  return [...all, ...others.map(({ step }, n) => ({ fault: faults[(n * 5) % faults.length]!, step }))];
}

/** Every way to fail at the first step. */
const atOnce: Case[] = faults.map((fault) => ({ fault, step: 1 }));

/** True if a case is tried with the command line as well as over HTTP, which costs less. */
function byHand(n: number): boolean {
  return n % 5 === 0;
}

/** An OpenBao of its own, whose root token is the marked one. */
async function another(setup: SecrecySetup, token: string): Promise<FakeBao> {
  const bao = await fakeBao({ token });
  setup.watchOpenBao(bao);
  return bao;
}

/** Tokens that an OpenBao was sent. */
function tokensAt({ requests }: FakeBao): Set<string | undefined> {
  return new Set(requests.map(({ headers }) => headers["x-vault-token"]));
}

it("uses the admin token and stores it nowhere, at whichever step OpenBao fails (T20, T22, T25, T27)", async () => {
  const setup = await startSecrecySetup({ secrets: [] });
  const { bao, admin, run } = setup;
  const before = bao.requests.length;
  const line = `create secretbackend wiz --type openbao --url ${bao.url} --path-prefix wiz --wizard -v`;
  expect((await run(line, { input: `${marks.adminToken}\n` })).code).toBe(0);
  const steps = bao.requests.length - before;
  expect(steps).toBeGreaterThan(8);
  expect(tokensAt(bao)).toContain(marks.adminToken);

  const failed = await Promise.all(
    [...atOnce, ...onTheWay(steps)].map(async ({ fault, step }, n) => {
      const other = await another(setup, marks.adminToken);
      failFrom(other, fault, step);
      const name = `w-${n}`;
      const config = { url: other.url };
      const byHttp = () => admin("POST", wizardPath, { name, config, adminToken: marks.adminToken });
      const shell = line.replace("wiz", name).replace(bao.url, other.url);
      const fails = byHand(n)
        ? (await run(shell, { input: marks.adminToken })).code !== 0
        : (await byHttp()).status >= 400;
      expect(tokensAt(other), `${fault} at ${step}`).toContain(marks.adminToken);
      return { fault, step, fails };
    }),
  );
  expect(failed.filter(({ step, fails }) => step === 1 && !fails)).toEqual([]);
  expect(failed.filter(({ fails }) => fails).length).toBeGreaterThan(failed.length / 2);
  await readEverything(setup);
  expect(setup.leaks()).toEqual([]);
});

it("replaces a backend's token and shows no token, at whichever step OpenBao fails (T20, T22, T25)", async () => {
  const setup = await startSecrecySetup({ secrets: [] });
  const { admin, run, server } = setup;
  const wizard = async (name: string) => {
    const bao = await another(setup, marks.adminToken);
    const wish = { name, config: { url: bao.url }, adminToken: marks.adminToken };
    expect((await admin("POST", wizardPath, wish)).status).toBe(201);
    return bao;
  };
  const bao = await wizard("bao-0");
  const tokenNow = async () =>
    (await server.admin("GET", "/api/v1/secrets/bao-0-token?reveal=true")).body.data.token as string;
  const first = await tokenNow();
  const before = bao.requests.length;
  expect((await run("rotate secretbackend bao-0 -v")).code).toBe(0);
  const steps = bao.requests.length - before;
  expect(steps).toBeGreaterThan(8);
  const second = await tokenNow();
  expect(second).not.toBe(first);
  expect(tokensAt(bao)).toEqual(new Set([undefined, marks.adminToken, first, second]));

  const failed = await Promise.all(
    onTheWay(steps).map(async ({ fault, step }, n) => {
      const name = `r-${n}`;
      const other = await wizard(name);
      failFrom(other, fault, step);
      const byHttp = () => admin("POST", `/api/v1/secretbackends/${name}/rotate`);
      const fails = byHand(n)
        ? (await run(`rotate secretbackend ${name} -v`)).code !== 0
        : (await byHttp()).status >= 400;
      return { fault, step, fails };
    }),
  );
  expect(failed.filter(({ step, fails }) => step === 1 && !fails)).toEqual([]);
  await readEverything(setup);
  const { stdout } = await run(`describe secretbackend ${failed.map((_, n) => `r-${n}`).join(" ")} -v`);
  expect(stdout).toMatch(/Failed: +\d/);
  const rotated = (await server.admin("GET", "/api/v1/audit?action=rotate_failed&limit=1000")).body;
  expect(rotated.length).toBeGreaterThan(steps / 2);
  expect(setup.leaks()).toEqual([]);
});

it("migrates secrets and shows no value, as text and JSON, with and without --dry-run, failing half-way (T20, T22, T25, T37)", async () => {
  const setup = await startSecrecySetup();
  const { admin, call, run, bao, bearer, server } = setup;
  const stored = () => JSON.stringify(bao.requests.map(({ body }) => body));
  for (const how of ["--dry-run -v", "--dry-run -o json", "-o json -v", "-v"])
    expect((await run(`migrate secrets --from vault --to bao --names shut ${how}`)).code).toBe(0);
  expect((await run("migrate secrets --from default --to bao --keep-source -v")).code).toBe(0);
  expect(stored()).toContain(JSON.stringify(marks.keyOnPlaintext));
  expect(stored()).toContain(JSON.stringify(marks.keyOnSealed));

  await Promise.all(
    faults.map(async (fault, n) => {
      const other = await another(setup, marks.openBaoToken);
      const to = `m-${n}`;
      await backendAt(setup, to, other);
      const names = ["a", "b"].map((letter) => `${letter}-${n}`);
      const data = { k: marks.keyOnSealed };
      for (const name of names) await admin("POST", "/api/v1/secrets", { name, backend: "vault", data });
      failFrom(other, fault, 2, ({ method, path }) => method === "POST" && path.includes("/data/"));
      const move = async (from: string, to: string) => {
        if (byHand(n))
          return (await run(`migrate secrets --from ${from} --to ${to} --names ${names} -v`)).stdout;
        const body = { from, to, names };
        return (await call("POST", "/api/v1/secrets/migrate", { bearer, body, note: fault })).text;
      };
      expect(await move("vault", to), fault).toMatch(/migrated[\s\S]*failed/);
      expect(await move(to, "default"), fault).toContain("failed");
      expect(JSON.stringify(other.requests.map(({ body }) => body))).toContain(
        JSON.stringify(marks.keyOnSealed),
      );
    }),
  );
  await readEverything(setup);
  expect(setup.leaks()).toEqual([]);
  const { text } = await server.admin("GET", "/api/v1/secrets/shut?reveal=true");
  expect(findings(new Map([["shut", marks.keyOnSealed]]), [["reveal", text]])).not.toEqual([]);
});

it("says why OpenBao cannot be used without repeating its response (T20, T21, T22, T23, T25, T26, T27, T28)", async () => {
  const setup = await startSecrecySetup({ secrets: [] });
  const { admin, call, run, bearer, provider } = setup;
  await Promise.all(
    faults.map(async (fault, n) => {
      const bao = await another(setup, marks.openBaoToken);
      const backend = `f-${n}`;
      await backendAt(setup, backend, bao);
      const secrets = "/api/v1/secrets";
      const make = (name: string) =>
        admin("POST", secrets, { name, backend, data: { k: marks.keyInOpenBao } });
      expect((await make(`used-${n}`)).status).toBe(201);
      const llm = { name: `l-${n}`, type: "openai", model: "up", url: provider.url };
      const apiKeyRef = { name: `used-${n}`, key: "k" };
      expect((await admin("POST", "/api/v1/llms?probe=false", { ...llm, apiKeyRef })).status).toBe(201);
      failFrom(bao, fault, 1);
      // It logs in anew, and is asked anew how it is.
      await admin("PUT", `${secrets}/${backend}-token`, { data: { more: "x" } });
      const body = { model: `l-${n}`, max_tokens: 9, messages: [{ role: "user", content: "hi" }] };
      const answers = [
        ...(await Promise.all([
          admin("GET", `${secrets}/used-${n}?reveal=true`),
          ...["/v1/chat/completions", "/v1/messages", `/api/v1/llms/l-${n}/infer`].map((path) =>
            call("POST", path, { bearer, body }),
          ),
          make(`new-${n}`),
        ])),
        await admin("PUT", `${secrets}/used-${n}`, { data: { more: marks.keyOnSealed } }),
      ];
      expect(
        answers.filter(({ status }) => status < 400),
        fault,
      ).toEqual([]);
      await admin("DELETE", `${secrets}/used-${n}`);
      const { body: shown } = await admin("GET", `/api/v1/secretbackends/${backend}`);
      expect(shown.health.status, fault).toBe("error");
      // With AppRole it is the login that fails.
      bao.before = (request) =>
        request.path.startsWith("/v1/auth/") ? baoFaults[fault]!(request) : undefined;
      const secretIdRef = { name: "app-login", key: "id" };
      const config = { url: bao.url, auth: { roleId: "role", secretIdRef } };
      await admin("POST", "/api/v1/secretbackends", { name: `g-${n}`, type: "openbao", config });
      const sent = JSON.stringify(bao.requests.map(({ headers, body }) => [headers, body]));
      for (const secret of [marks.openBaoToken, marks.secretId, marks.keyInOpenBao])
        expect(sent, fault).toContain(JSON.stringify(secret).slice(1, -1));
    }),
  );
  for (const line of [
    "describe secretbackend f-0 f-1 g-0 -v",
    "get all -o yaml",
    "get secretbackends -o wide",
  ])
    expect((await run(line)).code, line).toBe(0);
  await readEverything(setup);
  expect(setup.leaks()).toEqual([]);
});

/** A backend that logs in with the marked token. */
async function backendAt({ admin }: SecrecySetup, name: string, bao: FakeBao): Promise<void> {
  const data = { token: marks.openBaoToken };
  expect(
    (await admin("POST", "/api/v1/secrets", { name: `${name}-token`, backend: "vault", data })).status,
  ).toBe(201);
  const auth = { tokenSecretRef: { name: `${name}-token`, key: "token" } };
  const config = { url: bao.url, auth };
  expect((await admin("POST", "/api/v1/secretbackends", { name, type: "openbao", config })).status).toBe(201);
}
