import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import type { ProviderReport } from "../../../src/wire/agent-control.ts";
import { cli, newHome } from "../../support/cli/run-cli.ts";

const qwen: ProviderReport = {
  name: "qwen",
  type: "vllm-managed",
  model: "Qwen/Qwen3-8B",
  state: "hibernating",
  detail: null,
  publishedAs: "alice-qwen",
  failoverFor: "claude",
  inFlight: 1,
  resident: false,
  pid: 42,
};
const llama: ProviderReport = {
  ...qwen,
  name: "llama",
  type: "openai",
  model: "llama",
  state: "inactive",
  detail: "it does not answer",
  publishedAs: null,
  failoverFor: null,
  inFlight: 0,
  resident: null,
  pid: null,
};

/** A home with a fake agent, and the requests that it has received. */
function agent(answer: (called: string) => Response | Promise<Response> | undefined = () => undefined) {
  const home = newHome();
  const requests: string[] = [];
  const server = Bun.serve({
    unix: join(home, "agent.sock"),
    fetch(request) {
      const called = `${request.method} ${new URL(request.url).pathname}`;
      requests.push(called);
      return answer(called) ?? Response.json([qwen, llama]);
    },
  });
  onTestFinished(() => server.stop(true));
  return { home, requests };
}

describe("mcpctl provider", () => {
  it("lists the providers of the agent on this machine", async () => {
    const { home } = agent();
    const { code, stdout, stderr } = await cli("provider", { home });
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toBe(
      [
        "NAME    TYPE           MODEL           STATE         PUBLISHED-AS   DETAIL",
        "qwen    vllm-managed   Qwen/Qwen3-8B   hibernating   alice-qwen     -",
        "llama   openai         llama           inactive      -              it does not answer",
        "",
      ].join("\n"),
    );
    const asJson = await cli("provider -o json", { home });
    expect(JSON.parse(asJson.stdout)).toEqual([qwen, llama]);
  });

  it("reports that there are no providers", async () => {
    const { home } = agent(() => Response.json([]));
    const { code, stdout, stderr } = await cli("provider", { home });
    expect([code, stdout]).toEqual([0, ""]);
    expect(stderr).toBe("No providers found. To find models on this machine: mcpctl agent discover\n");
  });

  it.each(["provider qwen", "provider qwen status"])("prints one provider: %s", async (line) => {
    const { home, requests } = agent();
    const { stdout } = await cli(line, { home });
    expect(stdout).toBe(
      [
        "Name:           qwen",
        "Type:           vllm-managed",
        "Model:          Qwen/Qwen3-8B",
        "State:          hibernating",
        "Detail:         -",
        "In memory:      no",
        "Running calls:  1",
        "Published as:   alice-qwen",
        "Stands in for:  claude",
        "Pid:            42",
        "",
      ].join("\n"),
    );
    expect(JSON.parse((await cli(`${line} -o json`, { home })).stdout)).toEqual(qwen);
    expect(requests.every((called) => called === "GET /providers")).toBe(true);
  });

  it("wakes a provider and waits for it, with progress on a terminal's stderr", async () => {
    const done = Promise.withResolvers<Response>();
    let looks = 0;
    const { home, requests } = agent((called) => {
      if (called === "POST /providers/qwen/up") return done.promise;
      // The state is requested again meanwhile.
      if (++looks === 3) done.resolve(Response.json({ ...qwen, state: "active" }));
      return Response.json([{ ...qwen, state: "waking", detail: "loading weights, 34 s" }]);
    });
    const { code, stdout, shown } = await cli("provider qwen up", { home, answers: [] });
    expect([code, stdout]).toEqual([0, "provider 'qwen' is active\n"]);
    expect(shown).toContain("qwen is waking: loading weights, 34 s");
    expect(requests.filter((called) => called.startsWith("POST"))).toEqual(["POST /providers/qwen/up"]);
  });

  it("stops a provider", async () => {
    const { home, requests } = agent((called) =>
      called.startsWith("POST") ? Response.json(qwen) : undefined,
    );
    const { code, stdout } = await cli("provider qwen down", { home });
    expect([code, stdout]).toEqual([0, "provider 'qwen' is hibernating\n"]);
    expect(requests).toEqual(["GET /providers", "POST /providers/qwen/down"]);
  });

  it("prints the agent's reason of a failure", async () => {
    const refused = { error: 'the agent does not run "llama", so it cannot stop it', code: "not_supported" };
    const { home } = agent((called) =>
      called.startsWith("POST") ? Response.json(refused, { status: 501 }) : undefined,
    );
    const { code, stdout, stderr } = await cli("provider llama down", { home });
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toBe('error: the agent does not run "llama", so it cannot stop it\n');
  });

  it("adds the agent's detail to a failed start", async () => {
    let detail = "there is no vllm command on the PATH";
    const { home } = agent((called) =>
      called.startsWith("POST")
        ? Response.json({ error: "vLLM cannot be started", code: "unavailable" }, { status: 503 })
        : Response.json([{ ...qwen, detail }]),
    );
    const { code, stderr } = await cli("provider qwen up", { home });
    expect([code, stderr]).toEqual([1, `error: vLLM cannot be started: ${detail}\n`]);
    detail = "cannot be started";
    expect((await cli("provider qwen up", { home })).stderr).toBe("error: vLLM cannot be started\n");
  });

  it("reports that no agent runs, and how to start one", async () => {
    const { code, stdout, stderr } = await cli("provider qwen up");
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toBe("error: no agent runs on this machine\nhint: start it with: mcpctl agent\n");
  });

  it("refuses an unknown name or action and changes nothing", async () => {
    const { home, requests } = agent();
    const other = await cli("provider qwne up", { home });
    expect([other.code, other.stderr]).toEqual([
      3,
      'error: provider "qwne" not found\nhint: did you mean "qwen"? To see all providers: mcpctl provider\n',
    ]);
    const deed = await cli("provider qwen restart", { home });
    expect([deed.code, deed.stderr.split("\n")[0]]).toEqual([2, 'error: unknown action "restart"']);
    expect(requests.filter((called) => called.startsWith("POST"))).toEqual([]);
  });

  it("asks the agent, whatever server is configured, and sends it no token", async () => {
    const tokens: (string | null)[] = [];
    const home = newHome();
    const server = Bun.serve({
      unix: join(home, "agent.sock"),
      fetch(request) {
        tokens.push(request.headers.get("authorization"));
        return Response.json([qwen]);
      },
    });
    onTestFinished(() => server.stop(true));
    const env = { MCPCTL_TOKEN: "mcpctl_pat_secret", MCPCTL_SERVER: "http://127.0.0.1:1" };
    const { code } = await cli("provider", { home, env });
    expect(code).toBe(0);
    expect(tokens).toEqual([null]);
  });
});
