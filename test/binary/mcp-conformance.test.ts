import { join } from "node:path";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { expect, it, onTestFinished } from "vitest";
import { must, startBinary } from "../support/binary.ts";
import { passes } from "../support/passes.ts";

const program = join(import.meta.dirname, "../../bench/conformance/everything.ts");
const modes = { modern: { pin: "2026-07-28" }, legacy: "legacy" } as const;
const eras = ["modern", "legacy"] as const;

it("what the conformance suite calls works through the compiled server, whatever eras the two sides speak", async () => {
  const server = await startBinary();
  for (const upstream of eras) {
    const command = [process.execPath, program, upstream].flatMap((word) => ["--command", word]);
    await must(
      server.run(["create", "server", upstream, ...command, "--sandbox", "none", "--sharing", "session"]),
    );
    await must(server.run(["create", "project", upstream, "--server", upstream, "--proxy-model", "none"]));
  }
  const token = (await must(server.run("create token t --bind role:run,resource:projects")))
    .trim()
    .split("\n")
    .at(-1)!;
  for (const upstream of eras) {
    await passes(
      async () =>
        expect(await must(server.run(["get", "tools", "-p", upstream]))).toContain("test_simple_text"),
      100,
    );
    for (const era of eras) {
      const client = new Client(
        { name: "test", version: "1" },
        {
          capabilities: { elicitation: { form: {} }, sampling: {}, roots: {} },
          versionNegotiation: { mode: modes[era] },
        },
      );
      client.setRequestHandler("elicitation/create", () => ({
        action: "accept",
        content: { name: "Ada", color: "blue" },
      }));
      client.setRequestHandler("roots/list", () => ({ roots: [{ uri: "file:///a" }] }));
      client.setRequestHandler("sampling/createMessage", () => ({
        role: "assistant",
        model: "test",
        content: { type: "text", text: "Paris" },
      }));
      const url = new URL(`${server.url}/projects/${upstream}/mcp`);
      const requestInit = { headers: { authorization: `Bearer ${token}` } };
      await client.connect(new StreamableHTTPClientTransport(url, { requestInit }));
      onTestFinished(() => client.close());
      const said = async (name: string, given = {}) => {
        const { content } = await client.callTool({ name, arguments: given });
        return (content as { text: string }[])[0]!.text;
      };
      const results = {
        text: await said("test_simple_text"),
        sampling: await said("test_sampling", { prompt: "The capital?" }),
        roots: await said("test_input_required_result_list_roots"),
        rounds: await said("test_input_required_result_multi_round"),
        resource: (await client.readResource({ uri: "test://template/7/data" })).contents[0],
      };
      expect([upstream, era, results]).toEqual([
        upstream,
        era,
        {
          text: "A simple text.",
          sampling: expect.stringContaining("Paris"),
          roots: "1 roots",
          rounds: "Ada likes blue",
          resource: expect.objectContaining({ text: '{"id":"7"}' }),
        },
      ]);
    }
  }
});
