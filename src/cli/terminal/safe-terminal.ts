import { escapeLine } from "../../wire/text.ts";
import { shown } from "./paint.ts";
import type { Terminal, TerminalDevice } from "./terminal.ts";

/**
 * The terminal that verbs write to. Every text that they write goes through here, so that no text of a server, a model
 * or a file can move the cursor, change colours or hide something (T42).
 */
export function safeTerminal(device: TerminalDevice): Terminal {
  const asked = (question: string) =>
    shown(terminal.actingAs === undefined ? question : `(as ${terminal.actingAs}) ${question}`);
  const safe: Pick<Terminal, "actingAs" | "out" | "err" | "data" | "bytes" | "rewrite" | "prompt" | "lines"> =
    {
      actingAs: undefined,
      out: (text) => device.out(shown(text)),
      err: (text) => device.err(shown(text)),
      data: (text) => device.out(device.outIsTerminal ? shown(text) : text),
      bytes: (piece) => device.bytes(piece),
      rewrite: (text) => device.err(`\r${escapeLine(text)}`),
      prompt: (question, hidden) => device.prompt(asked(question), hidden),
      async lines(history) {
        const editor = await device.lines(history);
        const read = editor.read.bind(editor);
        return Object.assign(editor, { read: (question: string) => read(asked(question)) });
      },
    };
  // Everything else is read from the device, where it changes: `closed` for one.
  const terminal = Object.assign(Object.create(device) as Terminal, safe);
  return terminal;
}
