import { expect, it } from "vitest";
import { freshFolder, mcpctl, startBinary } from "../support/binary.ts";

/** The lines of a log as the objects that they are. */
function parsed(text: string) {
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
}

it("logs text without requests by default", async () => {
  const server = await startBinary();
  await server.admin("GET", "/api/v1/llms");
  server.kill("SIGTERM");
  expect(await server.ended).toBe(0);
  expect(server.said.stderr).not.toContain("{");
  expect(server.said.stdout).toBe("");
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
    started: /listens on (\S+) and ([^"\s]+)"/,
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
