import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type FakeApi, failure, fakeApi, rows } from "../../support/cli/fake-api.ts";
import { type CliOptions, cli, newHome } from "../../support/cli/run-cli.ts";

const path = "POST /api/v1/secretbackends/wizard";
const token = "hvs.adminCanary0123456789";
const line = "create secretbackend bao --type openbao --url https://bao:8200";
const [backend] = rows("secretbackend", {
  name: "bao",
  type: "openbao",
  isDefault: false,
  config: {
    url: "https://bao:8200",
    auth: { method: "token", tokenSecretRef: { name: "bao-token", key: "token" } },
  },
});
const made = { backend, policy: "mcpctl-bao", role: "mcpctl-bao-role", secret: "bao-token" };

const created = () => fakeApi({ [path]: () => Response.json(made, { status: 201 }) });
const person: CliOptions = { answers: [token] };

/** All output of a run, and the files in its folder. */
function traces({ stdout, stderr, home }: { stdout: string; stderr: string; home: string }): string {
  const files = readdirSync(home, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return [
    stdout,
    stderr,
    ...files.map((file) => readFileSync(join(file.parentPath, file.name), "utf8")),
  ].join("\n");
}

describe("create secretbackend --wizard", () => {
  it("asks for the admin token without echo, and prints what was made and the next step", async () => {
    const server = created();
    const outcome = await cli(`${line} --wizard`, { server, ...person });
    expect(outcome).toMatchObject({
      code: 0,
      stdout: `secretbackend 'bao' created (id: ${backend!.id})\n`,
      stderr:
        "In OpenBao there are now the policy 'mcpctl-bao' and the token role 'mcpctl-bao-role', for this backend alone.\n" +
        "The token it logs in with is in the secret 'bao-token'. The admin token was not kept.\n" +
        "Next: mcpctl migrate secrets --from default --to bao\n",
      prompts: ["OpenBao admin token (used once, not kept): (hidden)"],
    });
    expect(server.requests).toEqual([path]);
    expect(server.bodies).toEqual([{ name: "bao", config: { url: "https://bao:8200" }, adminToken: token }]);
  });

  it("sends all fields of the backend", async () => {
    const server = created();
    const home = newHome();
    const pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    writeFileSync(join(home, "ca.pem"), pem);
    const words = `${line} --mount kv --path-prefix team --namespace ns --ca-cert ca.pem --default --wizard`;
    const { code } = await cli([...words.split(" "), "--description", "The vault"], {
      server,
      home,
      stdin: ` ${token}\r\n`,
    });
    expect(code).toBe(0);
    expect(server.bodies).toEqual([
      {
        name: "bao",
        config: { url: "https://bao:8200", mount: "kv", pathPrefix: "team", namespace: "ns", caCert: pem },
        isDefault: true,
        description: "The vault",
        adminToken: token,
      },
    ]);
  });

  it("prints the backend and nothing else with -o json", async () => {
    const { code, stdout, stderr } = await cli(`${line} --wizard -o json`, {
      server: created(),
      stdin: token,
    });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual(backend);
    expect(stderr).toContain("Next: mcpctl migrate secrets");
  });

  it("writes the admin token to no output, log line or file (T29, T31, T34)", async () => {
    const answers = [
      () => Response.json(made, { status: 201 }),
      () => failure(400, "invalid_request", "OpenBao refused the admin token"),
      () => failure(403, "forbidden", "you may not create secretbackends"),
      () => new Response("<html>bad gateway</html>", { status: 502 }),
      // A proxy that sends the request back.
      (server: FakeApi) => new Response((server.bodies.at(-1) as { adminToken: string }).adminToken),
    ];
    for (const answer of answers) {
      const server: FakeApi = fakeApi({ [path]: () => answer(server) });
      for (const around of [person, { stdin: token }]) {
        const outcome = await cli(`${line} --wizard -v`, { server, ...around });
        expect(traces(outcome)).not.toContain("adminCanary");
        expect(outcome.stderr).toContain("POST /api/v1/secretbackends/wizard");
      }
      expect(JSON.stringify(server.requests)).not.toContain("adminCanary");
    }
    const gone = created();
    await gone.stop();
    const outcome = await cli(`${line} --wizard -v`, { server: gone, ...person });
    expect(outcome.code).toBe(1);
    expect(traces(outcome)).not.toContain("adminCanary");
  });

  it("prints the server's refusal and nothing on stdout", async () => {
    const server = fakeApi({
      [path]: () =>
        failure(400, "invalid_request", "OpenBao refused the admin token", { hint: "is it still valid?" }),
    });
    expect(await cli(`${line} --wizard`, { server, ...person })).toMatchObject({
      code: 1,
      stdout: "",
      stderr: "error: OpenBao refused the admin token\nhint: is it still valid?\n",
    });
  });

  it("exits with 130 on Ctrl-C", async () => {
    const interrupt = new AbortController();
    const server = fakeApi({
      [path]: () => {
        interrupt.abort();
        return new Promise(() => {});
      },
    });
    const outcome = await cli(`${line} --wizard`, { server, ...person, signal: interrupt.signal });
    expect(outcome).toMatchObject({ code: 130, stdout: "", stderr: "" });
  });

  it.each([
    ["a token that is nothing", " \n"],
    ["a token of two lines", `${token}\nmore`],
  ])("refuses %s, and sends nothing", async (_, stdin) => {
    for (const around of [{ stdin }, { answers: [stdin] }]) {
      const server = created();
      const outcome = await cli(`${line} --wizard`, { server, ...around });
      expect(outcome).toMatchObject({ code: 2, stdout: "" });
      expect(server.requests).toEqual([]);
      expect(traces(outcome)).not.toContain("adminCanary");
    }
  });

  it.each([
    [`${line} --wizard --force`, "--wizard makes something new: it does not go with --force"],
    [`${line} --wizard --token-secret bao-token/token`, "leave --token-secret and auth out"],
    [`${line} --wizard --config auth.method=approle`, "leave --token-secret and auth out"],
    [`${line} --wizard --ca-cert -`, "--ca-cert - and --wizard both read standard input"],
    ["create secretbackend bao --type openbao --wizard", "--url is required"],
    ["create secretbackend bao --type sealed --wizard", "--wizard is for --type openbao"],
    ["create secretbackend bao --type plaintext --wizard", "--wizard is for --type openbao"],
    ["create secretbackend bao --wizard", "--type is required"],
    [`${line} --wizard=${token}`, "--wizard takes no value"],
    [`${line} --wizard -o wide`, "mcpctl create does not print wide"],
    ["create llm x --type openai --model m --wizard", "unknown flag --wizard"],
  ])("%s is a usage error that asks for nothing and sends nothing", async (words, message) => {
    const server = created();
    const outcome = await cli(words, { server, ...person });
    expect(outcome).toMatchObject({ code: 2, stdout: "", prompts: [] });
    expect(outcome.stderr).toContain(message);
    expect(outcome.stderr).not.toContain("adminCanary");
    expect(server.requests).toEqual([]);
  });
});
