import { describe, expect, it } from "vitest";
import { hello, refusal, translated } from "./translated.ts";

describe("response_format of a chat request, translated to messages", () => {
  it("becomes a schema with closed objects, anyOf instead of oneOf, and limits as words (case 36)", () => {
    const schema = {
      type: "object",
      properties: {
        age: { type: "integer", minimum: 0, description: "Years" },
        pattern: {
          oneOf: [
            { type: "string", pattern: "^a" },
            { type: "object", properties: {} },
          ],
        },
        size: { enum: ["minimum", { pattern: 1 }] },
      },
      required: ["age"],
    };
    const response_format = { type: "json_schema", json_schema: { name: "x", strict: true, schema } };
    expect(translated({ response_format }).output_config).toEqual({
      format: {
        type: "json_schema",
        schema: {
          type: "object",
          properties: {
            age: { type: "integer", description: "Years (minimum: 0)" },
            pattern: {
              anyOf: [
                { type: "string", description: '(pattern: "^a")' },
                { type: "object", properties: {}, additionalProperties: false },
              ],
            },
            size: { enum: ["minimum", { pattern: 1 }] },
          },
          required: ["age"],
          additionalProperties: false,
        },
      },
    });
  });

  it("becomes an instruction where it has no schema (case 37)", () => {
    const response_format = { type: "json_object" };
    expect(translated({ response_format }).system).toContain("JSON object");
    const cached = { type: "text", text: "x", cache_control: { type: "ephemeral" } };
    expect(
      translated({ response_format, messages: [{ role: "system", content: [cached] }, ...hello] }).system,
    ).toEqual([cached, { type: "text", text: expect.stringContaining("JSON object") }]);
    expect(translated({ response_format: { type: "text" } })).toEqual(translated({}));
    expect(refusal({ response_format: { type: "grammar" } })).toMatchObject({
      path: "/response_format/type",
    });
  });
});
