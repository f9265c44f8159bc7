import { describe, expect, it } from "vitest";
import { HttpFailure } from "../../src/net/http1/http-failure.ts";
import { PushedResponse } from "../../src/net/pushed-response.ts";

/** Creates a response. Returns it with the signals that its writer has got. */
function pushed() {
  const signals: string[] = [];
  const response = new PushedResponse(
    200,
    { "content-type": "text/plain" },
    { onCancel: () => void signals.push("cancel"), onResume: () => void signals.push("resume") },
  );
  return { response, signals };
}

/** Reads a response. Returns a list that grows with each part, the end and the failure. */
function reader(response: PushedResponse): string[] {
  const events: string[] = [];
  response.pipe({
    data: (bytes) => void events.push(bytes.toString()),
    end: () => void events.push("end"),
    error: ({ message }) => void events.push(`error: ${message}`),
  });
  return events;
}

describe("PushedResponse", () => {
  it("hands the parts that came before its reader to the reader, then the others as they come", () => {
    const { response } = pushed();
    response.push(Buffer.from("a"));
    const events = reader(response);
    response.push(Buffer.from("b"));
    response.end();
    response.push(Buffer.from("late"));
    response.end();
    expect(events).toEqual(["a", "b", "end"]);
    expect([response.status, response.headers.get("content-type"), response.over]).toEqual([
      200,
      "text/plain",
      true,
    ]);
  });

  it("hands over what came before a failure, then the failure", () => {
    const { response, signals } = pushed();
    response.push(Buffer.from("a"));
    response.fail(new Error("broken"));
    response.fail(new Error("again"));
    expect(reader(response)).toEqual(["a", "error: broken"]);
    expect(signals).toEqual([]);
  });

  it("holds its writer back at 256 KiB without a reader, until there is one", async () => {
    const { response, signals } = pushed();
    response.push(Buffer.alloc(256 * 1024 - 1));
    expect(response.held).toBeUndefined();
    response.push(Buffer.alloc(1));
    const { held } = response;
    expect(held).toBeDefined();
    reader(response);
    await held;
    expect([response.held, signals]).toEqual([undefined, ["resume"]]);
  });

  it("holds its writer back while its reader pauses, and releases the writer when it is over", async () => {
    const { response, signals } = pushed();
    reader(response);
    response.pause();
    const { held } = response;
    response.end();
    await held;
    response.pause();
    expect([response.held, signals]).toEqual([undefined, []]);
  });

  it("tells its writer once that the reader has cancelled, and nothing after its end", () => {
    const { response, signals } = pushed();
    const events = reader(response);
    response.cancel();
    response.cancel();
    expect([events, signals]).toEqual([["error: the call was cancelled"], ["cancel"]]);
    const whole = pushed();
    whole.response.end();
    whole.response.cancel();
    expect(whole.signals).toEqual([]);
  });

  it("is read whole up to a limit, and cancelled over it", async () => {
    const { response, signals } = pushed();
    const text = response.text(5);
    response.push(Buffer.from("hel"));
    response.push(Buffer.from("lo"));
    response.end();
    expect(await text).toBe("hello");
    const long = pushed();
    const bytes = long.response.bytes(4).catch((error: HttpFailure) => error);
    long.response.push(Buffer.from("hello"));
    expect(await bytes).toBeInstanceOf(HttpFailure);
    expect(await bytes).toMatchObject({ kind: "too-large" });
    expect([long.signals, signals]).toEqual([["cancel"], []]);
  });

  it("that is whole already is refused over the limit as well", async () => {
    const { response } = pushed();
    response.push(Buffer.from("hello"));
    response.end();
    await expect(response.text(4)).rejects.toMatchObject({ kind: "too-large" });
  });
});
