import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AppError } from "../../src/errors.ts";
import { scanForm } from "../../src/wire/form.ts";
import { formEvents } from "../../src/wire/form-stream.ts";

const boundary = "xYz";

const form = (...fields: [name: string, value: string][]) =>
  `${fields.map(([name, value]) => `--${boundary}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`).join("")}--${boundary}--\r\n`;

async function* inPieces(text: string, size: number) {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
}

async function read(text: string, size = 7) {
  const fields: { name: string; fileName: string | undefined; value: string }[] = [];
  for await (const event of formEvents(inPieces(text, size), boundary)) {
    if ("field" in event) fields.push({ ...event.field, value: "" });
    else fields.at(-1)!.value += Buffer.from(event.bytes).toString("latin1");
  }
  return fields;
}

const refusal = (text: string) =>
  read(text).then(
    () => undefined,
    (error: unknown) => (error instanceof AppError ? error.code : error),
  );

describe("a form that is read as it comes", () => {
  it("has the fields that the same form has as a whole, however it is cut into pieces", async () => {
    const value = fc
      .stringMatching(/^[-\r\nxYz a-]{0,40}$/)
      .filter((text) => !text.includes(`--${boundary}`));
    await fc.assert(
      fc.asyncProperty(
        fc.array(value, { maxLength: 4 }),
        fc.integer({ min: 1, max: 60 }),
        async (values, size) => {
          const text = form(...values.map((one, i): [string, string] => [`f${i}`, one]));
          const bytes = Buffer.from(text);
          const whole = (() => {
            try {
              return scanForm(bytes, boundary).fields.map(({ start, end }) =>
                bytes.toString("latin1", start, end),
              );
            } catch {
              return undefined;
            }
          })();
          const streamed = await read(text, size).then(
            (fields) => fields.map((field) => field.value),
            () => undefined,
          );
          expect(streamed).toEqual(whole);
        },
      ),
      { numRuns: 200 },
    );
  });

  it("has the names of fields and of files", async () => {
    const head =
      'Content-Disposition: form-data; name="file"; filename="a b.jsonl"\r\nContent-Type: text/plain';
    expect(await read(`--xYz\r\n${head}\r\n\r\n{}\n\r\n--xYz--`)).toEqual([
      { name: "file", fileName: "a b.jsonl", value: "{}\n" },
    ]);
  });

  it.each([
    ["is empty", ""],
    ["has another boundary", form(["a", "b"]).replaceAll("xYz", "abc")],
    ["is cut off in a value", form(["a", "long value"]).slice(0, -15)],
    ["is cut off in a head", "--xYz\r\ncontent-dispos"],
    ["goes on behind its end", `${form(["a", "b"])}more`],
    ["has a field without a name", "--xYz\r\ncontent-type: text/plain\r\n\r\nx\r\n--xYz--"],
    [
      "has a head that does not end",
      `--xYz\r\ncontent-disposition: form-data; name="a"; x=${"y".repeat(9000)}`,
    ],
    ["has too many fields", form(...Array.from({ length: 200 }, (): [string, string] => ["a", "b"]))],
  ])("is refused if it %s", async (_what, text) => {
    expect(await refusal(text)).toBe("invalid_request");
  });
});
