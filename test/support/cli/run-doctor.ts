import { expect } from "vitest";
import type { Check } from "../../../src/cli/cmd/doctor/check.ts";
import type { Remedy } from "../../../src/cli/cmd/doctor/remedies.ts";
import { testServer } from "../server.ts";
import { cli, newHome } from "./run-cli.ts";

/** The output of `mcpctl doctor -o json`. */
export interface Report {
  server: string;
  ok: boolean;
  checks: Check[];
  proxies: string[];
  transport: { name: string; cost: string } | null;
  remedies: Remedy[];
}

/** Starts a server with a user who may publish llms. */
export async function doctorServer() {
  const server = await testServer();
  const { bearer } = await server.user("alice", [{ role: "expose", resource: "llms" }]);
  return { server, bearer };
}

/** Runs the doctor for a URL and returns its report. */
export async function runDoctor(url: string, bearer: string, more = "", home = newHome()) {
  const { code, stdout, stderr } = await cli(`doctor -o json ${more}`, {
    env: { MCPCTL_SERVER: url, MCPCTL_TOKEN: bearer },
    home,
  });
  expect(stderr).toBe("");
  expect(stdout).not.toContain(bearer);
  const report = JSON.parse(stdout) as Report;
  expect(code).toBe(report.ok ? 0 : 1);
  const verdicts = Object.fromEntries(report.checks.map(({ name, verdict }) => [name, verdict]));
  return { ...report, verdicts, find: (name: string) => report.checks.find((check) => check.name === name) };
}

/** The checks that run on every connection. */
export const measuredChecks = [
  "server",
  "round trip",
  "login",
  "publishing",
  "version",
  "events",
  "uploads",
  "large bodies",
];
