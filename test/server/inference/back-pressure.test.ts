import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { type Connection, chatFrames, chunk, lastChunk, streamHead } from "../../support/upstream.ts";
import { postRaw } from "./caller.ts";
import { onlyEvent, question, withProvider } from "./setup.ts";

const path = "/v1/chat/completions";
const streamed = { ...question, stream: true };
const [, , finish, done] = chatFrames(["a"], false) as [string, string, string, string];
const megabyte = 1024 * 1024;
const colon = ":".charCodeAt(0);
const frame = chatFrames(["x".repeat(64 * 1024)], false)[1]!;

describe("a stream whose caller does not read", () => {
  it("pauses the provider instead of buffering 200 MB, and delivers every byte later (T65)", async () => {
    const count = Math.ceil((200 * megabyte) / frame.length);
    const piece = Buffer.from(chunk(frame));
    let pushed = 0;
    const { server, bearer } = await withProvider(async (_, connection) => {
      connection.write(streamHead);
      for (; pushed < count; pushed++) {
        connection.write(piece);
        await connection.taken();
      }
      connection.write(chunk(finish + done) + lastChunk);
    });
    Bun.gc(true);
    const before = process.memoryUsage.rss();
    const got = createHash("sha256");
    let rest = Buffer.alloc(0);
    const caller = await postRaw(server.url, bearer, path, streamed, (bytes) => {
      rest = Buffer.concat([rest, bytes]);
      for (let end = rest.indexOf("\n\n"); end >= 0; end = rest.indexOf("\n\n")) {
        const event = rest.subarray(0, end + 2);
        rest = rest.subarray(end + 2);
        // A pause of over 15 s brings a comment.
        if (event[0] !== colon) got.update(event);
      }
    });
    caller.pause();
    let last = 0;
    await expect
      .poll(
        () => {
          const held = pushed > 0 && pushed === last;
          last = pushed;
          return held;
        },
        { interval: 200, timeout: 15_000 },
      )
      .toBe(true);
    expect(pushed).toBeLessThan(count / 2);
    Bun.gc(true);
    expect(process.memoryUsage.rss() - before).toBeLessThan(30 * megabyte);
    caller.resume();
    expect(await caller.ended).toBe(true);
    const sent = createHash("sha256");
    for (let n = 0; n < count; n++) sent.update(frame);
    expect(rest).toHaveLength(0);
    expect(got.digest("hex")).toBe(sent.update(finish + done).digest("hex"));
    expect(await onlyEvent(server)).toMatchObject({ status: 200 });
  });

  it("is closed after the llm's silence timeout, and so is the provider's connection", async () => {
    const freed = Promise.withResolvers<void>();
    const flood = async (_: unknown, connection: Connection) => {
      let open = true;
      void connection.closed.then(() => {
        open = false;
        freed.resolve();
      });
      connection.write(streamHead);
      while (open) {
        connection.write(chunk(frame));
        await Promise.race([connection.taken(), connection.closed]);
      }
    };
    const { server, bearer } = await withProvider(flood, { timeouts: { silence: 2 } });
    let end = "";
    const caller = await postRaw(server.url, bearer, path, streamed, (bytes) => {
      end = Buffer.from(bytes.subarray(-100)).toString();
    });
    caller.pause();
    await freed.promise;
    expect(await onlyEvent(server)).toMatchObject({ status: 499, error: "client_closed_request" });
    caller.resume();
    // The caller sees that the response is not complete.
    expect(await caller.ended).toBe(false);
    expect(end).not.toContain("[DONE]");
  });
});
