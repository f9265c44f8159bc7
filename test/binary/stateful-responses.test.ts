import { expect, it } from "vitest";
import { keeper } from "../server/inference/provider-state/keeper.ts";
import { must, startBinary } from "../support/binary.ts";
import { upstream } from "../support/upstream.ts";

const path = "/v1/responses";
const model = "gpt";

/** The compiled server with an llm whose provider keeps answers, and the tokens of two callers. */
async function statefulServer() {
  const { script, kept, end } = keeper();
  const provider = upstream(script);
  const server = await startBinary();
  await must(
    server.run(`create llm gpt --type openai --model up --url ${provider.url} --responses stateful`),
  );
  const tokenOf = async (name: string): Promise<string> =>
    JSON.parse(await must(server.run(`create token ${name} --bind role:run,resource:llms -o json`))).token;
  const [ann, bob] = [await tokenOf("ann"), await tokenOf("bob")];
  const asked = () => provider.seen.map(({ method, path: at }) => `${method} ${at}`);
  return { server, ann, bob, kept, end, asked, provider };
}

it("the compiled server keeps a caller's answers and conversations over kill -9, and from every other caller (T132)", async () => {
  const { server, ann, bob, kept, end, asked, provider } = await statefulServer();
  let { call } = server;
  const ask = (body: object, bearer = ann) => call("POST", path, { bearer, body: { model, ...body } });

  const first = await ask({ input: "one" });
  expect([first.status, first.body.id]).toEqual([200, "resp_1"]);
  const conversation = await call("POST", "/v1/conversations", { bearer: ann, body: {} });
  expect(conversation.status).toBe(200);
  const queued = await ask({ input: "a long question", background: true });
  expect(queued.body).toMatchObject({ status: "queued" });
  const [answer, talk, job] = [first.body.id, conversation.body.id, queued.body.id] as [
    string,
    string,
    string,
  ];

  server.kill("SIGKILL");
  await server.ended;
  const later = await startBinary({ home: server.home });
  ({ call } = later);

  expect((await ask({ input: "two", previous_response_id: answer })).status).toBe(200);
  expect((await ask({ input: "three", conversation: talk })).status).toBe(200);
  expect(provider.seen.slice(-2).map(({ body }) => body)).toMatchObject([
    { previous_response_id: answer },
    { conversation: talk },
  ]);
  const streamed = await ask({ input: "four", previous_response_id: answer, stream: true });
  expect(streamed.text).toContain('"response.completed"');
  expect((await call("GET", `${path}/${job}`, { bearer: ann })).body.status).toBe("queued");
  end(job);
  expect((await call("GET", `${path}/${job}`, { bearer: ann })).body.status).toBe("completed");
  expect((await call("GET", `${path}/${answer}/input_items`, { bearer: ann })).body.data).toHaveLength(1);
  const second = await ask({ input: "another long question", background: true });
  const cancelled = await call("POST", `${path}/${second.body.id}/cancel`, { bearer: ann });
  expect(cancelled.body.status).toBe("cancelled");

  const before = asked().length;
  const refused = [
    await call("GET", `${path}/${answer}`, { bearer: bob }),
    await call("DELETE", `${path}/${answer}`, { bearer: bob }),
    await call("POST", `${path}/${job}/cancel`, { bearer: bob }),
    await call("GET", `/v1/conversations/${talk}`, { bearer: bob }),
    await ask({ input: "x", previous_response_id: answer }, bob),
    await ask({ input: "x", conversation: talk }, bob),
  ];
  expect(refused.map(({ status }) => status)).toEqual([404, 404, 404, 404, 404, 404]);
  expect(asked()).toHaveLength(before);

  expect((await call("DELETE", `${path}/${answer}`, { bearer: ann })).body.deleted).toBe(true);
  expect(kept.has(answer)).toBe(false);
  expect((await call("GET", `${path}/${answer}`, { bearer: ann })).status).toBe(404);
  expect((await ask({ input: "x", previous_response_id: answer })).status).toBe(404);
});
