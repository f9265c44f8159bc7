import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { recognised, remediesFor } from "../../../src/cli/cmd/doctor/remedies.ts";
import { evaluate } from "../../../src/cli/cmd/doctor/streams.ts";
import { controlPaths, controlSocket } from "../../../src/wire/agent-control.ts";
import { fakeApi } from "../../support/cli/fake-api.ts";
import { cli, newHome } from "../../support/cli/run-cli.ts";
import { doctorServer, measuredChecks, type Report, runDoctor } from "../../support/cli/run-doctor.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

describe("mcpctl doctor", () => {
  it("passes all checks and exits with 0 if no proxy is in between", async () => {
    const { server, bearer } = await doctorServer();
    const { verdicts, transport, remedies, find } = await runDoctor(server.url, bearer);
    for (const name of [...measuredChecks, "websocket"]) expect([name, verdicts[name]]).toEqual([name, "ok"]);
    expect(transport?.name).toBe("websocket");
    expect(remedies).toEqual([]);
    expect(find("round trip")!.figures!["median"]).toBeLessThan(5000);
    expect(find("events")!.figures).toMatchObject({ events: 10, held: false });
  });

  it("prints a line for each check and the transport that an agent would use", async () => {
    const { server, bearer } = await doctorServer();
    const { code, stdout } = await cli("doctor", { env: { MCPCTL_TOKEN: bearer }, server });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ok {4}round trip {4}median \S.* m?s of 7, from \S.* m?s to \S.* m?s$/m);
    expect(stdout).toMatch(/^ok {4}websocket {5}opens; the round trip of a message takes/m);
    expect(stdout).toMatch(/^skip {2}agent {9}no agent runs on this machine$/m);
    expect(stdout).toMatch(/^An agent on this machine would use websocket: each token/m);
    expect(stdout).not.toContain(bearer);
    expect(stdout).not.toContain("To make the proxy");
  });

  it("works over the Unix socket and skips checks that do not apply there", async () => {
    const { server } = await doctorServer();
    const { code, stdout } = await cli(["doctor", "--server", `unix://${server.socketPath}`, "-o", "json"]);
    const { checks, transport } = JSON.parse(stdout) as Report;
    const verdicts = Object.fromEntries(checks.map(({ name, verdict }) => [name, verdict]));
    for (const name of measuredChecks) expect([name, verdicts[name]]).toEqual([name, "ok"]);
    expect([verdicts["websocket"], verdicts["tls"], transport, code]).toEqual(["skip", "skip", null, 0]);
  });

  it("accepts --idle from 1s to 3m", async () => {
    for (const time of ["4m", "0.5s", "soon"]) expect((await cli(`doctor --idle ${time}`)).code).toBe(2);
  });
});

/** An older server without probes. */
const oldServer = {
  "GET /healthz": () => new Response("ok\n"),
  "HEAD /healthz": () => new Response(null),
  "GET /api/v1/auth/whoami": { kind: "User", user: "alice", groups: [], admin: false },
  "POST /api/v1/auth/can-i": { allowed: true },
  "GET /api/v1/version": { version: "0.0.1", commit: "", date: "", bun: "" },
};

describe("without a server, or without a login, the doctor", () => {
  it("reports why the server cannot be reached and runs no further check", async () => {
    const nobody = Bun.serve({ port: 0, fetch: () => new Response() });
    const { url } = nobody;
    await nobody.stop(true);
    const refused = await runDoctor(url.origin, "some-token");
    expect(refused.find("server")!.detail).toContain("the connection was refused (ECONNREFUSED)");
    expect(refused.verdicts).not.toHaveProperty("events");
    const found = async (answer: Response) =>
      (await runDoctor(fakeApi({ "GET /healthz": answer }).url, "some-token")).find("server")!.detail;
    expect(await found(new Response("<h1>It works!</h1>"))).toContain("does not come from an mcpctl server");
    const elsewhere = new Response(null, {
      status: 301,
      headers: { location: "https://llm.example/healthz" },
    });
    expect(await found(elsewhere)).toContain("redirects to https://llm.example; use that");
  });

  it("skips the measurements that need a login without one", async () => {
    const { server } = await doctorServer();
    const { stdout, code } = await cli("doctor", { server });
    expect(code).toBe(1);
    expect(stdout).toMatch(/^fail {2}login {9}not logged in; run: mcpctl login$/m);
    expect(stdout).toMatch(/^skip {2}streams/m);
    const old = await runDoctor(server.url, "mcpctl_pat_gone");
    expect(old.find("login")!.detail).toContain("the token is not valid");
  });

  it("warns if the user may not publish llms", async () => {
    const { server } = await doctorServer();
    const { bearer } = await server.user("bob");
    const { find, ok } = await runDoctor(server.url, bearer);
    expect(find("publishing")).toMatchObject({ verdict: "warn", figures: { allowed: false } });
    expect(ok).toBe(true);
  });

  it("skips measurements that an older server does not have, and says so", async () => {
    const old = fakeApi(oldServer);
    const { verdicts, find, ok } = await runDoctor(old.url, "some-token");
    expect(verdicts).toMatchObject({ version: "warn", events: "skip" });
    expect(find("version")!.detail).toContain("0.0.1");
    expect(ok).toBe(true);
    expect(old.tokens[old.requests.indexOf("GET /healthz")]).toBe("");
  });

  it("fails if a response does not come from the server", async () => {
    const old = fakeApi(oldServer);
    const portal = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: (request) => {
        const { pathname } = new URL(request.url);
        if (pathname.includes("_probe")) return new Response("<h1>Welcome to the hotel</h1>");
        return fetch(old.url + pathname, request);
      },
    });
    onTestFinished(() => portal.stop(true));
    const { find } = await runDoctor(portal.url.origin, "some-token");
    expect(find("events")).toMatchObject({ verdict: "fail", detail: "the stream was cut before its end" });
    expect(find("uploads")).toMatchObject({
      verdict: "fail",
      detail: "the response does not come from an mcpctl server",
    });
  });

  it("exits with 130 on Ctrl-C and prints no error", async () => {
    const leaving = new AbortController();
    const slow = fakeApi({
      "GET /healthz": () => {
        leaving.abort();
        return new Response("ok\n");
      },
    });
    const { code, stderr } = await cli("doctor", { server: slow, signal: leaving.signal });
    expect([code, stderr]).toEqual([130, ""]);
  });

  it("escapes control characters in a response's headers (T42)", async () => {
    const evil = fakeApi({
      "GET /healthz": new Response("no", {
        status: 404,
        headers: { server: "\u009b31mnginx", via: "x\u0085y" },
      }),
    });
    const { stdout } = await cli("doctor", { server: evil });
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  });
});

describe("on this machine, the doctor", () => {
  it("checks that the config can be read", async () => {
    const server = fakeApi(oldServer);
    const home = newHome();
    const config = (text: string) => writeFileSync(join(home, "config.json"), text, { mode: 0o600 });
    config(JSON.stringify({ llm: { providers: [{ name: "a" }] } }));
    expect((await runDoctor(server.url, "some-token", "", home)).find("config")).toMatchObject({
      verdict: "ok",
      figures: { providers: 1 },
    });
    config("{");
    const { stdout, code } = await cli(["doctor", "--server", server.url], { home });
    expect(code).toBe(1);
    expect(stdout).toMatch(/^fail {2}config .*config\.json is not JSON$/m);
  });

  it.each([
    [{ pid: 42 }, "ok", "runs (pid 42)"],
    [
      { pid: 42, server: "https://llm.example", transport: "websocket" },
      "ok",
      "runs (pid 42), connected to https://llm.example by websocket",
    ],
    [
      { pid: 42, server: "https://llm.example", transport: null },
      "warn",
      "runs (pid 42), but is not connected to https://llm.example",
    ],
  ])("reports the status of the agent: %j", async (status, verdict, detail) => {
    const home = temporaryFolder();
    fakeApi({ [`GET ${controlPaths.status}`]: status }, { unix: join(home, controlSocket) });
    const found = await runDoctor(fakeApi(oldServer).url, "some-token", "", home);
    expect(found.find("agent")).toMatchObject({ verdict, detail });
  });

  it("recognises a socket that an agent has left behind", async () => {
    const server = fakeApi(oldServer);
    const home = temporaryFolder();
    writeFileSync(join(home, "agent.sock"), "");
    expect((await runDoctor(server.url, "some-token", "", home)).find("agent")).toMatchObject({
      verdict: "warn",
    });
  });
});

describe("over TLS, the doctor", () => {
  const fixtures = join(import.meta.dirname, "../../fixtures/tls");
  const secured = (from = fixtures) => {
    const server = Bun.serve({
      port: 0,
      tls: { cert: Bun.file(`${from}/localhost.crt`), key: Bun.file(`${from}/localhost.key`) },
      fetch: ({ url }) =>
        new URL(url).pathname === "/healthz" ? new Response("ok\n") : new Response(null, { status: 404 }),
    });
    onTestFinished(() => server.stop(true));
    return `https://localhost:${server.port}`;
  };

  it("fails for a certificate that is not trusted on this machine", async () => {
    const { find, verdicts } = await runDoctor(secured(), "some-token");
    expect(find("tls")).toMatchObject({
      verdict: "fail",
      detail: expect.stringMatching(
        /^the certificate is not trusted on this machine: the certificate .+ \([A-Z_]+\)$/,
      ),
    });
    expect(find("server")!.detail).toMatch(/SELF_SIGNED|UNABLE_TO_VERIFY/);
    expect(verdicts).not.toHaveProperty("login");
  });

  it.skipIf(!Bun.which("openssl")).each([
    [90, "ok", /^TLSv1\.3, certificate valid until \d{4}-\d\d-\d\d$/],
    [5, "warn", /^the certificate expires on \d{4}-\d\d-\d\d, in [45] days$/],
  ])("reports the expiry of a trusted certificate: %i days", async (days, verdict, detail) => {
    const folder = temporaryFolder();
    const made = Bun.spawnSync(
      `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days ${days} -subj /CN=localhost
       -addext subjectAltName=DNS:localhost -keyout ${folder}/localhost.key -out ${folder}/localhost.crt`.split(
        /\s+/,
      ),
    );
    expect(made.exitCode).toBe(0);
    const main = join(import.meta.dirname, "../../../src/main.ts");
    const words = [process.execPath, main, "doctor", "-o", "json", "--server", secured(folder)];
    const running = Bun.spawn(words, {
      env: { PATH: "/usr/bin:/bin", HOME: newHome(), NODE_EXTRA_CA_CERTS: `${folder}/localhost.crt` },
      stdin: "ignore",
      stderr: "ignore",
    });
    const { checks } = JSON.parse(await new Response(running.stdout).text()) as Report;
    const find = (name: string) => checks.find((check) => check.name === name);
    expect(find("tls")).toMatchObject({ verdict, detail: expect.stringMatching(detail) });
    expect(find("server")).toMatchObject({ verdict: "ok" });
  });

  it("fails if there is no TLS connection", async () => {
    const plain = fakeApi(oldServer);
    const { find } = await runDoctor(plain.url.replace("http:", "https:"), "some-token");
    expect(find("tls")!.detail).toMatch(/^no TLS/);
  });
});

it("evaluate() tells a stream that was held back from one that is late", () => {
  const sent = [0, 100, 200, 300];
  const came = (arrived: number[]) => evaluate(sent.map((at, i) => ({ sent: at, arrived: arrived[i]! })));
  expect(came([5040, 5140, 5240, 5340])).toEqual({ held: false, medianLag: 0, maxLag: 0 });
  expect(came([5340, 5341, 5341, 5342])).toMatchObject({ held: true });
  expect(came([40, 150, 240, 400])).toEqual({ held: false, medianLag: 0, maxLag: 60 });
});

it("every fault has its own settings for every known proxy", () => {
  const faults = ["buffering", "uploads", "body-size", "websocket", "idle", "host"] as const;
  for (const { lines } of remediesFor(faults, []))
    for (const { proxy, lines: own } of lines) expect([proxy, own.length > 0]).toEqual([proxy, true]);
  const seen = (headers: Record<string, string>) => recognised(new Headers(headers));
  expect(seen({ server: "nginx/1.22.1" })).toEqual(["nginx"]);
  expect(seen({ via: "1.1 Caddy" })).toEqual(["Caddy"]);
  expect(seen({ server: "cloudflare", "cf-ray": "8f-FRA" })).toEqual(["Cloudflare"]);
  expect(seen({ server: "Apache" })).toEqual([]);
  // Cloudflare hides the proxies behind it.
  const behind = remediesFor(["buffering", "buffering"], ["Cloudflare"]);
  expect(behind.map(({ lines }) => lines.map(({ proxy }) => proxy))).toEqual([
    ["nginx", "Traefik", "Caddy", "Cloudflare"],
  ]);
});
