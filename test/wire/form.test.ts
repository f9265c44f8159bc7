import { describe, expect, it } from "vitest";
import { formBody, formBoundary, scanForm, withModelInForm } from "../../src/wire/form.ts";

const boundary = "----b0undary";

/** A form in which each field has its headers and its value. */
function form(...fields: [head: string, value: string][]): Buffer {
  const parts = fields.map(([head, value]) => `--${boundary}\r\n${head}\r\n\r\n${value}\r\n`);
  return Buffer.from(`${parts.join("")}--${boundary}--\r\n`);
}

const field = (name: string) => `Content-Disposition: form-data; name="${name}"`;
const model: [string, string] = [field("model"), "whisper"];
const file: [string, string] = [
  `${field("file")}; filename="a b.wav"\r\nContent-Type: audio/wav`,
  "RIFF\r\n--\r\n\r\n--x\0",
];
const read = (bytes: Uint8Array) => formBody(scanForm(bytes, boundary));

describe("a form with files", () => {
  it("has its short text fields as a body", () => {
    const bytes = form(model, file, [field("stream"), "True"], [field("n"), "2"], [field("prompt"), ""]);
    expect({ ...read(bytes) }).toEqual({ model: "whisper", stream: true, n: 2, prompt: "" });
  });

  it("is the same bytes with another model, without a copy", () => {
    const bytes = form(file, model, [field("timestamp_granularities[]"), "word"]);
    const parts = withModelInForm(scanForm(bytes, boundary), "a-much-longer-name");
    const expected = bytes.toString("latin1").replace("whisper", "a-much-longer-name");
    expect(Buffer.concat(parts).toString("latin1")).toBe(expected);
    expect(parts[0]!.buffer).toBe(bytes.buffer);
    expect(parts[2]!.buffer).toBe(bytes.buffer);
  });

  it("is read as Bun writes it, and as other readers read it", async () => {
    const data = new FormData();
    data.append("model", "m");
    data.append("file", new File([new Uint8Array([13, 10, 45, 45, 0, 255])], "ä.wav"));
    const request = new Request("http://localhost/", { method: "POST", body: data });
    const own = formBoundary(request.headers.get("content-type"));
    expect({ ...formBody(scanForm(await request.bytes(), own)) }).toEqual({ model: "m" });
  });
});

/** Two readers could see different models in these (T127). */
const ambiguous: Record<string, Buffer> = {
  "two models": form(model, model),
  "a model that is a file": form([`${field("model")}; filename="m"`, "x"]),
  "a second boundary behind a bare line feed": form(
    [field("a"), `x\n--${boundary}\r\n${field("model")}\r\n\r\ny`],
    model,
  ),
  "a boundary in the middle of a line": form([field("a"), `x--${boundary}`], model),
  "a boundary with spaces behind it": Buffer.from(
    `--${boundary} \r\n${field("model")}\r\n\r\nx\r\n--${boundary}--`,
  ),
  "a longer boundary": form([field("a"), `x\r\n--${boundary}x\r\n`], model),
  "a preamble": Buffer.concat([Buffer.from("x\r\n"), form(model)]),
  "an epilogue": Buffer.concat([form(model), form(model)]),
  "no end": Buffer.from(`--${boundary}\r\n${field("model")}\r\n\r\nx\r\n`),
  "a name in two parts": form([`${field("a")}; name="model"`, "x"], model),
  "a name with an escape": form([`content-disposition: form-data; name="a\\"; name=\\"model"`, "x"], model),
  "a name without quotes": form(["content-disposition: form-data; name=model", "x"], model),
  "an encoded name": form([field("%6dodel"), "x"], model),
  "a name* parameter": form([`content-disposition: form-data; name*=utf-8''model`, "x"], model),
  "an encoded value": form([`${field("a")}\r\ncontent-transfer-encoding: base64`, "eA=="], model),
  "a folded header": form([`content-disposition: form-data;\r\n name="a"`, "x"], model),
  "a second disposition": form([`${field("a")}\r\n${field("model")}`, "x"], model),
  "a header with a bare line feed": form([`${field("a")}\r\ncontent-type: x\ny: z`, "x"], model),
  "an unknown header": form([`${field("a")}\r\nx-field: model`, "x"], model),
  "no name": form(["content-type: text/plain", "x"], model),
  "another kind": form([`content-disposition: attachment; name="a"`, "x"], model),
};

describe.each(Object.entries(ambiguous))("a form with %s", (_, bytes) => {
  it("is refused (T127)", () => {
    expect(() => read(bytes)).toThrow(expect.objectContaining({ code: "invalid_request" }));
  });
});

it("a form without a model says so", () => {
  expect(() => read(form(file))).toThrow("model is required");
});

it("a form has at most 128 fields, whose headers have at most 4 KB", () => {
  const fields = (count: number) =>
    Array.from({ length: count }, (_, n): [string, string] => [field(`f${n}`), ""]);
  expect({ ...read(form(model, ...fields(127))) }).toMatchObject({ f126: "" });
  expect(() => read(form(model, ...fields(128)))).toThrow("more than 128 fields");
  const long = `${field("file")}; filename="${"a".repeat(5000)}"`;
  expect(() => read(form(model, [long, ""]))).toThrow("not complete, or too long");
});

it("a large value is not read as text, and a search for boundaries takes linear time", () => {
  const bytes = form(model, [field("prompt"), `\r\n-`.repeat(5_000_000)]);
  expect({ ...read(bytes) }).toEqual({ model: "whisper" });
});

it.each([
  ["multipart/form-data; boundary=abc", "abc"],
  ['multipart/form-data; boundary="a b:c"', "a b:c"],
  ["Multipart/Form-Data;boundary=----WebKitFormBoundaryX", "----WebKitFormBoundaryX"],
])("%s has a boundary", (type, expected) => {
  expect(formBoundary(type)).toBe(expected);
});

it.each([
  null,
  "application/json",
  "multipart/form-data",
  "multipart/form-data; boundary=",
  `multipart/form-data; boundary=${"a".repeat(71)}`,
  "multipart/form-data; boundary=a; boundary=b",
  "multipart/form-data; boundary=a b",
  'multipart/form-data; boundary="a "',
  "multipart/mixed; boundary=abc",
])("%j has none", (type) => {
  expect(() => formBoundary(type)).toThrow(expect.objectContaining({ code: "unsupported_media_type" }));
});
