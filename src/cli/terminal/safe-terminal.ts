import { escapeLine } from "../../wire/text.ts";
import { shown } from "./paint.ts";
import type { Terminal, TerminalDevice } from "./terminal.ts";

const used = ["out", "err", "bytes", "prompt", "input", "readStdin", "lines"] as const;

/**
 * The terminal that verbs write to. Every text that they write goes through here, so that no text of a server, a model
 * or a file can move the cursor, change colours or hide something (T42).
 */
export function safeTerminal(device: TerminalDevice): Terminal {
  const asked = (question: string) =>
    shown(terminal.actingAs === undefined ? question : `(as ${terminal.actingAs}) ${question}`);
  let momentary: (() => void)[] = [];
  const handOver = () => {
    const ending = momentary;
    momentary = [];
    for (const end of ending) end();
  };
  const rewrite = (text: string) => device.err(`\r${escapeLine(text)}`);
  /** A use of the terminal, which ends momentary lines. */
  const use = <Words extends unknown[], Result>(work: (...words: Words) => Result) => {
    return (...words: Words): Result => {
      handOver();
      return work(...words);
    };
  };
  const safe: Omit<Terminal, Exclude<keyof TerminalDevice, (typeof used)[number]>> = {
    actingAs: undefined,
    out: use((text) => device.out(shown(text))),
    err: use((text) => device.err(shown(text))),
    data: use((text) => device.out(device.outIsTerminal ? shown(text) : text)),
    bytes: use((piece) => device.bytes(piece)),
    rewrite: use(rewrite),
    prompt: use((question, hidden) => device.prompt(asked(question), hidden)),
    input: use(() => device.input()),
    readStdin: use(() => device.readStdin()),
    lines: use(async (history) => {
      const editor = await device.lines(history);
      const read = editor.read.bind(editor);
      return Object.assign(editor, { read: (question: string) => read(asked(question)) });
    }),
    momentary(ended) {
      momentary.push(ended);
      return rewrite;
    },
    handOver,
  };
  // Everything else is read from the device, where it changes: `closed` for one.
  const terminal = Object.assign(Object.create(device) as Terminal, safe);
  return terminal;
}
