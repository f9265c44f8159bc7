import { expect, it } from "vitest";
import { must } from "../../../support/server.ts";
import { hello, prompt, withPersona } from "./setup.ts";

it("a persona gets its own prompts behind its system prompt, the highest priority first, and no others", async () => {
  const { server, call, provider } = await withPersona();
  const ask = async () => {
    await must(call("POST", "/v1/chat/completions", { model: "agent:reviewer", messages: [hello] }));
    return provider.seen.at(-1)!.body.messages;
  };
  const own = { role: "system", content: prompt };
  expect(await ask()).toEqual([own, hello]);
  await must(server.admin("POST", "/api/v1/agents", { name: "other", llm: "gpt" }));
  const write = (name: string, fields: object) =>
    must(
      server.admin("POST", "/api/v1/prompts", { name, agent: "reviewer", content: `${name}.`, ...fields }),
    );
  await write("last", { priority: 1 });
  await write("first", { priority: 9 });
  await write("foreign", { agent: "other" });
  expect(await ask()).toEqual([{ role: "system", content: `${prompt}\n\nfirst.\n\nlast.` }, hello]);
  await must(server.admin("DELETE", "/api/v1/prompts/first"));
  expect((await ask())[0].content).toBe(`${prompt}\n\nlast.`);
});
