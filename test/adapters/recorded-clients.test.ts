import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { providers } from "../../bench/clients/provider.ts";
import { adapterFor, nativePathFor } from "../../src/adapters/index.ts";
import { passthroughs } from "../../src/adapters/passthrough/index.ts";
import { quirksOf } from "../../src/adapters/quirks/index.ts";
import { translationFor } from "../../src/adapters/translation/index.ts";
import { dialects } from "../../src/wire/dialects/index.ts";
import { dialectAt, operations } from "../../src/wire/dialects/operations.ts";
import { recordedJson } from "./translation/streams.ts";

interface Recording {
  about: string;
  path: string;
  body: Record<string, unknown>;
}

const recordings = readdirSync(`${import.meta.dirname}/../fixtures/clients`).map((name) => ({
  name,
  ...(recordedJson(`clients/${name}`) as Recording),
}));

/** Makes the body that a scripted provider gets, as the server makes it. */
function sentBody(
  { path, body }: Recording,
  { type, model, responses }: { type: string; model: string; responses?: "native" },
) {
  const caller = dialectAt(path.replace(/\?.*/, ""));
  const host = type === "openai" ? "api.openai.com" : "127.0.0.1";
  const quirks = quirksOf({ type, host, model });
  const adapter = adapterFor(type)!;
  const native = nativePathFor(adapter, caller, quirks, responses ? { responses } : {});
  dialects[caller].checkRequest(body);
  if (native) {
    const { changes } = passthroughs[caller].prepare(body, quirks);
    return { path: native, body: { ...body, ...changes, model } };
  }
  const translation = translationFor(caller, adapter.dialect)!;
  return { path: operations[adapter.dialect].path, body: translation.request(body, model, quirks) };
}

describe("requests of real clients (case 135)", () => {
  it("are there for each dialect", () => {
    expect(new Set(recordings.map(({ path }) => dialectAt(path.replace(/\?.*/, ""))))).toEqual(
      new Set(Object.keys(dialects)),
    );
  });

  describe.each(Object.entries(providers))("at a strict provider of kind %s", (_, { llm, paths }) => {
    it.each(recordings)("$name are taken, with all their tools, results and pictures", (recording) => {
      const { path, body } = sentBody(recording, llm);
      const parsed = Object.entries(paths)
        .find(([one]) => one === path)![1]
        .parse(body);
      const text = JSON.stringify(recording.body);
      const count = (pattern: RegExp) => text.match(pattern)?.length ?? 0;
      expect(parsed.results).toHaveLength(
        count(/"type":"(tool_result|function_call_output)"|"role":"tool"/g),
      );
      expect(parsed.images).toBe(count(/"type":"(image|input_image|image_url)"/g));
      expect(parsed.tools.length).toBeGreaterThan(0);
      expect(parsed.text).toContain("orchard-inventory");
    });
  });

  it("hold neither secrets nor paths of the machine that they were recorded on", () => {
    for (const recording of recordings)
      expect(JSON.stringify(recording)).not.toMatch(/mcpctl_pat|\bsk-[a-z0-9]|\/tmp\//);
  });
});
