import { gzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { BareCaller } from "../../../support/bare-caller.ts";
import { requestHead } from "../../../support/raw-http.ts";
import { must, testServer } from "../../../support/server.ts";
import {
  chatFrames,
  chunk,
  lastChunk,
  type Script,
  streamHead,
  upstream,
} from "../../../support/upstream.ts";

const script: Script = (_, connection) => {
  connection.write(streamHead);
  for (const frame of chatFrames(["Hel", "lo"], false)) connection.write(chunk(frame));
  connection.write(lastChunk);
};

it("calls of one connection are answered in order and once each, whole, in chunks or compressed (T97)", async () => {
  const server = await testServer();
  const provider = upstream(script);
  await must(
    server.admin("POST", "/api/v1/llms?probe=false", {
      name: "gpt",
      type: "openai",
      model: "m",
      url: provider.url,
    }),
  );
  const { bearer } = await server.token("t", [{ role: "run", resource: "llms" }]);
  const head = (more: Record<string, string>, path = "/v1/chat/completions") =>
    requestHead("POST", path, {
      authorization: `Bearer ${bearer}`,
      connection: "keep-alive",
      "content-type": "application/json",
      ...more,
    });
  const body = JSON.stringify({ model: "gpt", stream: true, messages: [{ role: "user", content: "hi" }] });
  const packed = gzipSync(body);
  const whole = head({ "content-length": String(body.length) }) + body;
  const caller = new BareCaller(Number(new URL(server.url).port));
  caller.socket.write(
    Buffer.concat([
      Buffer.from(whole + whole),
      Buffer.from(
        `${head({ "transfer-encoding": "chunked" })}${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
      ),
      Buffer.from(head({ "content-encoding": "gzip", "content-length": String(packed.length) })),
      packed,
      Buffer.from(`${head({ "content-length": "2" })}{}`),
      Buffer.from(head({ "content-length": "0", connection: "close" }, "/v1/chat/completions?x")),
    ]),
  );
  await caller.met(() => caller.closed !== undefined);
  const statuses = [...caller.text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
  expect(statuses.slice(0, 5)).toEqual([200, 200, 200, 200, 400]);
  expect(statuses).toHaveLength(6);
  expect(caller.text.match(/\[DONE\]/g)).toHaveLength(4);
  const { body: audit } = await server.admin("GET", "/api/v1/audit?action=llm_inference_call");
  expect(audit.filter((event: { status: number }) => event.status === 200)).toHaveLength(4);
});
