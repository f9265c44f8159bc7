import { describe, expect, it } from "vitest";
import { passthroughPipe } from "../../../src/adapters/passthrough/index.ts";
import { bytesOf, cutAt, eventsOf, recorded, recordings, through } from "../translation/streams.ts";

const messages = () => passthroughPipe("messages", { stripUsage: false });
const withoutNames = (name: string) =>
  bytesOf(
    Buffer.from(recorded(name))
      .toString()
      .replaceAll(/^event:.*\r?\n/gm, ""),
  );
const names = (text: string) => eventsOf(text).map(({ event }) => event);

describe("a stream of Anthropic without names of events (case 96)", () => {
  it.each(recordings("anthropic"))("%s has them put back, however it is cut", (name) => {
    const bytes = withoutNames(name);
    const whole = through(messages(), [recorded(name)]);
    for (const size of [1, 7, 100, bytes.length]) {
      const places = Array.from({ length: Math.floor(bytes.length / size) }, (_, at) => at * size);
      const outcome = through(messages(), cutAt(bytes, places));
      expect(names(outcome.text)).toEqual(names(whole.text));
      expect(eventsOf(outcome.text)).toEqual(eventsOf(whole.text));
      expect(outcome.done).toBe(whole.done);
    }
  });

  it("is the very same array where it has them", () => {
    const chunk = bytesOf('event: ping\ndata: {"type":"ping"}\n\n');
    expect(messages().push(chunk)).toBe(chunk);
  });

  it("gets no name that is not one, and none in front of comments", () => {
    const text = ': hi\n\ndata: {"type":"ping"}\n\ndata: {"type":"a b\\n"}\n\ndata: {"x":1}\n\n';
    expect(through(messages(), [bytesOf(text)]).text).toBe(
      ': hi\n\nevent: ping\ndata: {"type":"ping"}\n\ndata: {"type":"a b\\n"}\n\ndata: {"x":1}\n\n',
    );
  });

  it("is not changed in chat, whose events have none", () => {
    const chunk = bytesOf('data: {"type":"ping"}\n\n');
    expect(passthroughPipe("chat", { stripUsage: false }).push(chunk)).toBe(chunk);
  });
});
