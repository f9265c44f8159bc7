import { describe, expect, it } from "vitest";
import { quirksOf } from "../../../src/adapters/quirks/index.ts";
import { translationFor } from "../../../src/adapters/translation/index.ts";
import type { Dialect } from "../../../src/wire/dialects/types.ts";

const pdf = Buffer.from("%PDF-1.7 x").toString("base64");
const link = "https://files.example/a.pdf";

function translated(from: Dialect, to: Dialect, body: object) {
  const type = to === "messages" ? "anthropic" : "openai";
  const model = to === "messages" ? "claude-sonnet-4-5" : "gpt-5.5";
  return translationFor(from, to)!.request({ model: "mine", ...body }, model, quirksOf({ type, model }));
}

const chat = (...content: object[]) => ({ messages: [{ role: "user", content }] });
const messages = (...content: object[]) => ({ max_tokens: 9, messages: [{ role: "user", content }] });
const responses = (...content: object[]) => ({ input: [{ role: "user", content }] });
const placed = (path: string) => expect.objectContaining({ details: [expect.objectContaining({ path })] });

describe("files and documents (case 206)", () => {
  it("reach Anthropic as documents: PDFs with and without the head of a data URL, texts, links", () => {
    const file = (given: object) =>
      (translated("chat", "messages", chat({ type: "file", file: given }))["messages"] as never[])[0]![
        "content"
      ];
    const document = (source: object, more = {}) => [{ type: "document", source, ...more }];
    const ofPdf = document({ type: "base64", media_type: "application/pdf", data: pdf }, { title: "a.pdf" });
    const ofLink = document({ type: "url", url: link });
    expect(file({ file_data: `data:application/pdf;base64,${pdf}`, filename: "a.pdf" })).toEqual(ofPdf);
    expect(file({ file_data: pdf, filename: "a.pdf" })).toEqual(ofPdf);
    expect(file({ file_data: link })).toEqual(ofLink);
    expect(file({ file_url: link })).toEqual(ofLink);
    const csv = Buffer.from("a,ü").toString("base64");
    expect(file({ file_data: `data:text/csv;base64,${csv}` })).toEqual(
      document({ type: "text", media_type: "text/plain", data: "a,ü" }),
    );
    expect(
      translated("responses", "messages", responses({ type: "input_file", file_url: link }))["messages"],
    ).toMatchObject([{ content: ofLink }]);
    expect(() => file({ file_id: "file-1" })).toThrow(
      /file_id names a file that OpenAI keeps.*send file_data/,
    );
    expect(() => file({ file_data: "http://plain" })).toThrow(placed("/messages/0/content/0/file/file_data"));
    expect(() => file({ file_data: "data:application/zip;base64,AA==" })).toThrow(/application\/pdf or text/);
  });

  it("reach responses by their link, and chat by their content only", () => {
    const ofMessages = messages({ type: "document", source: { type: "url", url: link }, title: "a.pdf" });
    const part = { type: "input_file", file_url: link };
    expect(translated("messages", "responses", ofMessages)["input"]).toMatchObject([
      { content: [{ ...part, filename: "a.pdf" }] },
    ]);
    const ofChat = chat({ type: "file", file: { file_data: link } });
    expect(translated("chat", "responses", ofChat)["input"]).toMatchObject([{ content: [part] }]);
    expect(() => translated("messages", "chat", ofMessages)).toThrow(placed("/messages/0"));
    expect(() => translated("responses", "chat", responses({ type: "input_text", text: "a" }, part))).toThrow(
      placed("/input/0/content/1/file_url"),
    );
    // In the history nothing is refused.
    const turns = [
      { role: "user", content: [part] },
      { role: "assistant", content: "b" },
      { role: "user", content: "c" },
    ];
    const read = JSON.stringify(translated("responses", "chat", { input: turns })["messages"]);
    expect(read).toContain(`[The file ${link}, which this model cannot read.]`);
    expect(read).not.toContain("file_url");
  });

  it("have the context of a document as text", () => {
    const document = (source: object) => ({ type: "document", source, title: "T", context: "C" });
    const content = (source: object) =>
      (translated("messages", "chat", messages(document(source)))["messages"] as never[])[0]!["content"];
    expect(content({ type: "text", media_type: "text/plain", data: "D" })).toBe("T\n\nC\n\nD");
    expect(content({ type: "content", content: [{ type: "text", text: "D" }] })).toBe("T\n\nC\n\nD");
    expect(content({ type: "base64", media_type: "application/pdf", data: pdf })).toEqual([
      { type: "text", text: "C" },
      { type: "file", file: { filename: "T", file_data: `data:application/pdf;base64,${pdf}` } },
    ]);
    expect(() => content({ type: "file", file_id: "f" })).toThrow(
      placed("/messages/0/content/0/source/type"),
    );
  });
});
