import { chunk, lastChunk, reply, type Script, streamHead } from "../../../support/upstream.ts";

// biome-ignore lint/suspicious/noExplicitAny: tests look at whatever came
type Whatever = any;

/** Returns a provider that keeps answers and conversations, as OpenAI does, and what it keeps. */
export function keeper() {
  const kept = new Map<string, Whatever>();
  let count = 0;
  const usage = { input_tokens: 7, output_tokens: 5, total_tokens: 12 };
  const message = (text: string) => ({
    type: "message",
    id: `msg_${count}`,
    role: "assistant",
    status: "completed",
    content: [{ type: "output_text", text, annotations: [] }],
  });
  const script: Script = ({ method, path: target, body }, connection) => {
    const [path = ""] = target.split("?");
    const answer = (status: number, value: unknown) => connection.write(reply(status, value));
    const [, , type, id = "", ...rest] = path.split("/");
    if (type === "responses" && method === "POST" && id === "") {
      const made = `resp_${++count}`;
      const status = body.background ? "queued" : "completed";
      const done = {
        id: made,
        object: "response",
        status,
        output: [message("hello")],
        model: "up",
        usage,
        metadata: body.metadata,
      };
      const whole = body.background ? { ...done, output: [], usage: null } : done;
      if (body.store !== false) kept.set(made, whole);
      if (!body.stream) return answer(200, whole);
      const created = { type: "response.created", response: { ...done, status: "in_progress", output: [] } };
      const frames = [created, { type: "response.completed", response: done }];
      return connection.write(streamHead + frames.map(frameOf).join("") + lastChunk);
    }
    if (type === "conversations" && method === "POST" && id === "") {
      const made = { id: `conv_${++count}`, object: "conversation", metadata: body.metadata ?? {} };
      kept.set(made.id, made);
      return answer(200, made);
    }
    const object = kept.get(id);
    if (!object) return answer(404, { error: { message: `${id} not found`, type: "invalid_request_error" } });
    if (method === "DELETE" && rest.length === 0) {
      kept.delete(id);
      return answer(200, { id, object: `${object.object}.deleted`, deleted: true });
    }
    if (rest[0] === "cancel") {
      const reported = object.metadata?.cancel === "unreported" ? null : usage;
      return answer(200, Object.assign(object, { status: "cancelled", usage: reported }));
    }
    if (rest[0] === "input_items" || rest[0] === "items")
      return answer(200, { object: "list", data: [{ id: "msg_in", type: "message" }], has_more: false });
    if (target.includes("stream=true"))
      return connection.write(
        streamHead + frameOf({ type: "response.completed", response: { ...object, usage } }) + lastChunk,
      );
    answer(200, object);
  };
  const end = (id: string) => Object.assign(kept.get(id), { status: "completed", usage });
  return { script, kept, end };
}

function frameOf(event: { type: string; [field: string]: unknown }): string {
  return chunk(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
}
