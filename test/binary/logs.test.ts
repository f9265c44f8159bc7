import { expect, it } from "vitest";
import { binary, freshFolder, mcpctl, startBinary } from "../support/binary.ts";
import { openPty } from "../support/pty.ts";

/** The lines of a log as the objects that they are. */
function parsed(text: string) {
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
}

const startedJson = /listens on (\S+) and ([^"\s]+)"/;

it.each([
  ["without a terminal as JSON", { MCPCTL_LOG_FORMAT: "" }, [], true],
  ["as text where it is asked for", { MCPCTL_LOG_FORMAT: "" }, ["--log-format", "text"], false],
])("logs no requests by default, and %s", async (_, env, args, isJson) => {
  const server = await startBinary({ env, args, ...(isJson && { started: startedJson }) });
  await server.admin("GET", "/api/v1/llms");
  server.kill("SIGTERM");
  expect(await server.ended).toBe(0);
  expect(server.said.stderr).not.toContain('/api/v1/llms"');
  if (isJson) for (const line of parsed(server.said.stderr)) expect(line.level).toBe("info");
  else expect(server.said.stderr).not.toContain("{");
  expect(server.said.stdout).toBe("");
});

it("logs text on a terminal", async () => {
  const pty = openPty(200);
  const { HOME, PATH, MCPCTL_HOME } = {
    PATH: "",
    ...process.env,
    HOME: freshFolder(),
    MCPCTL_HOME: freshFolder(),
  };
  const server = pty.start([binary, "server", "--listen", "127.0.0.1:0"], { HOME, PATH, MCPCTL_HOME });
  await pty.shows(/listens on http/);
  expect(pty.output()).not.toContain('{"time"');
  server.kill("SIGTERM");
  expect(await server.ended).toBe(0);
});

it("logs requests with --access-log, and everything as JSON with MCPCTL_LOG_FORMAT", async () => {
  const server = await startBinary({ args: ["--access-log"] });
  const { headers } = await server.admin("GET", "/api/v1/llms");
  await server.logs(/"msg":"request"/);
  const line = server.said.stderr.split("\n").find((text) => text.startsWith("{"))!;
  expect(JSON.parse(line)).toMatchObject({
    requestId: headers.get("x-request-id"),
    route: "/api/v1/llms",
    status: 200,
    user: "admin",
  });

  const other = await startBinary({
    env: { MCPCTL_LOG_FORMAT: "json" },
    args: ["--access-log"],
    started: startedJson,
  });
  await other.admin("GET", "/api/v1/llms");
  other.kill("SIGTERM");
  expect(await other.ended).toBe(0);
  const lines = parsed(other.said.stderr);
  expect(lines.map(({ msg }) => msg)).toContain("request");
  expect(lines.at(-1)).toMatchObject({ level: "info", msg: "stopped" });
});

it("refuses an unknown log format and invalid tracing variables without repeating their text", async () => {
  const home = freshFolder();
  const start = (env: Record<string, string>) => mcpctl("server --listen 127.0.0.1:0", { home, env });
  expect(await start({ MCPCTL_LOG_FORMAT: "xml" })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('MCPCTL_LOG_FORMAT must be text or json, not "xml"'),
  });
  const { code, stderr } = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: "canary:4318" });
  expect([code, stderr]).toEqual([
    2,
    expect.stringContaining("OTEL_EXPORTER_OTLP_ENDPOINT is not an http or https URL"),
  ]);
  expect(stderr).not.toContain("canary");
});
