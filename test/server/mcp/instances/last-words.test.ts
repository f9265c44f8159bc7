import { describe, expect, it } from "vitest";
import { lastWords } from "../../../../src/server/mcp/instances/last-words.ts";

describe("the last words of a program", () => {
  it("are the reason in front of the usage that it prints", () => {
    const usage = [
      "Usage:",
      "  kube [flags]",
      "  -h, --help   help",
      "  --log-file string  Required for logging",
    ];
    expect(lastWords(["Error: no contexts are defined in kubeconfig.", ...usage])).toEqual([
      "Error: no contexts are defined in kubeconfig.",
      "kube [flags]",
    ]);
  });

  it("are the messages in front of a stack of Node.js, also those of a log in JSON", () => {
    const lines = [
      '{"level":"info","message":"Using Bot token authentication"}',
      '{"level":"fatal","message":"Authentication failed - check your Slack tokens","error":"invalid_auth","stacktrace":"github.com/x cut',
      "node:child_process:930",
      "    throw err;",
      "    ^",
      "Error: Command failed: slack-mcp-server",
      "    at genericNodeError (node:internal/errors:984:15)",
      "    at Object.<anonymous> (/x/index.js:64:14) {",
      "  status: 1,",
      "}",
      "Node.js v20.20.2",
    ];
    expect(lastWords(lines)).toEqual([
      "Authentication failed - check your Slack tokens: invalid_auth",
      "Error: Command failed: slack-mcp-server",
    ]);
  });

  it("are the exception behind a traceback of Python, out of its frame", () => {
    const lines = [
      "  + Exception Group Traceback (most recent call last):",
      '  |   File "/x/client.py", line 230, in _retrieve_server_version',
      "  |     ^^^^^^^^^^^",
      "  | docker.errors.DockerException: Error while fetching server API version",
      "  +------------------------------------",
    ];
    expect(lastWords(lines)).toEqual([
      "docker.errors.DockerException: Error while fetching server API version",
    ]);
  });

  it("are the last lines where none names a fault, and nothing where there is none", () => {
    expect(lastWords(["one", "two", "three", "four", "Please give me a key"])).toEqual([
      ...["two", "three", "four"],
      "Please give me a key",
    ]);
    expect(lastWords([])).toEqual([]);
  });

  it("are few and short, and the first reason is one of them", () => {
    const words = lastWords(Array.from({ length: 50 }, (_, i) => `error ${i} ${"x".repeat(1000)}`));
    expect(words.length).toBe(4);
    expect(words[0]).toMatch(/^error 0 /);
    expect(words[3]).toMatch(/^error 49 /);
    for (const word of words) expect(word.length).toBeLessThanOrEqual(301);
  });
});
