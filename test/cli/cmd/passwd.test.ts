import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fakeApi } from "../../support/cli/fake-api.ts";
import { cli, newHome } from "../../support/cli/run-cli.ts";
import { must, testServer } from "../../support/server.ts";

describe("passwd", () => {
  const answers = { "POST /api/v1/auth/passwd": undefined };

  it("asks for the current password and twice for the new one", async () => {
    const server = fakeApi(answers);
    const outcome = await cli("passwd", { server, answers: ["old", "newnewnew", "newnewnew"] });
    expect(outcome).toMatchObject({ code: 0, stdout: "password set\n" });
    expect(outcome.prompts.every((question) => question.endsWith("(hidden)"))).toBe(true);
    expect(server.bodies).toEqual([{ current: "old", password: "newnewnew" }]);
  });

  it("sends nothing if the two new passwords differ", async () => {
    const server = fakeApi(answers);
    expect((await cli("passwd", { server, answers: ["old", "newnewnew", "newnewneW"] })).code).toBe(1);
    expect(server.requests).toEqual([]);
  });

  it("does not ask for the current password over the Unix socket", async () => {
    const server = fakeApi(answers, { unix: join(newHome(), "s.sock") });
    const { code, prompts } = await cli("passwd", { server, answers: ["newnewnew", "newnewnew"] });
    expect({ code, prompts: prompts.length }).toEqual({ code: 0, prompts: 2 });
    expect(server.bodies).toEqual([{ password: "newnewnew" }]);
  });

  it("reads one or two lines of standard input", async () => {
    const server = fakeApi(answers);
    await cli("passwd --password-stdin", { server, stdin: "newnewnew\n" });
    await cli("passwd --password-stdin", { server, stdin: "old\nnewnewnew" });
    expect(server.bodies).toEqual([{ password: "newnewnew" }, { current: "old", password: "newnewnew" }]);
    for (const stdin of ["", "a\nb\nc", "\nb"])
      expect((await cli("passwd --password-stdin", { server, stdin })).code).toBe(2);
  });
});

describe("passwd USER", () => {
  const password = "a-new-password";
  const answers = [password, password];

  it("sets the password of another user, whose sessions end, over the Unix socket and over TCP", async () => {
    const server = await testServer();
    const alice = await server.user("alice");
    const boss = await server.user("boss", [{ role: "edit", resource: "*" }]);
    const socket = { url: `unix://${server.socketPath}` };
    const first = await cli("passwd alice", { server: socket, answers });
    expect(first).toMatchObject({ code: 0, stdout: "password of alice set\n" });
    expect(first.stderr).toContain("warning: this ends the sessions of alice and deletes the threads");
    expect(first.stdout + first.stderr + first.prompts.join()).not.toContain(password);
    expect((await alice.call("GET", "/api/v1/auth/whoami")).status).toBe(401);
    const login = (name: string, text: string) =>
      server.as()("POST", "/api/v1/auth/login", { user: name, password: text });
    await must(login("alice", password));
    const env = { MCPCTL_TOKEN: boss.bearer };
    const stdin = "another-password\n";
    expect((await cli("passwd alice --password-stdin", { server, env, stdin })).code).toBe(0);
    expect((await login("alice", password)).status).toBe(401);
    await must(login("alice", "another-password"));
    const events = (await must(server.admin("GET", "/api/v1/audit?action=update"))).body;
    expect(events.filter(({ detail }: { detail: { name: string } }) => detail.name === "alice")).toHaveLength(
      2,
    );
  });

  it("recovers an administrator who has lost the password, on the host of the server", async () => {
    const server = await testServer();
    await must(server.admin("POST", "/api/v1/auth/passwd", { password: "lost-password" }));
    const socket = { url: `unix://${server.socketPath}` };
    for (const line of ["passwd", "passwd admin"]) {
      const { code, stdout, prompts } = await cli(line, { server: socket, answers });
      expect({ code, stdout, prompts: prompts.length }).toEqual({
        code: 0,
        stdout: "password set\n",
        prompts: 2,
      });
    }
    await must(server.as()("POST", "/api/v1/auth/login", { user: "admin", password }));
  });

  it("is refused to a user with fewer rights, and to nobody it gives the rights of another (T54, T247)", async () => {
    const server = await testServer();
    await server.user("boss", [{ role: "edit", resource: "*" }]);
    const helper = await server.user("helper", [{ role: "edit", resource: "users" }]);
    const env = { MCPCTL_TOKEN: helper.bearer };
    for (const name of ["boss", "admin"]) {
      const { code, stderr } = await cli(`passwd ${name}`, { server, env, answers });
      expect([name, code, stderr]).toEqual([name, 4, expect.stringContaining("rights that you do not have")]);
    }
    const missing = await cli("passwd nobody", { server, env, answers });
    expect(missing.code).toBe(3);
    await must(server.as()("POST", "/api/v1/auth/login", { user: "boss", password: "boss-password" }));
    const two = await cli("passwd boss --password-stdin", { server, env, stdin: "a\nb\n" });
    expect(two.code).toBe(2);
  });
});
