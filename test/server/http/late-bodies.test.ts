import { connect } from "node:net";
import { describe, expect, it } from "vitest";
import { must, type TestServer, testServer } from "../../support/server.ts";

const everything = { role: "edit", resource: "*" };
const operations = ["restore", "host-processes"].map((action) => ({ role: "run", action }));

/** A request whose body is still on its way. */
interface Begun {
  /** Sends the rest. Returns the status and the text of the answer. */
  finish(): Promise<{ status: number; text: string }>;
}

/** Begins a request and sends the first half of its body. */
type Begin = (
  url: string,
  bearer: string,
  method: string,
  path: string,
  body: string,
  type?: string,
) => Promise<Begun>;

/** With a length: as most programs do. */
const withLength: Begin = (url, bearer, method, path, body, type = "application/json") => {
  const { hostname, port, host } = new URL(url);
  const half = body.length >> 1;
  const socket = connect(Number(port), hostname);
  let text = "";
  const ended = new Promise<void>((resolve) => socket.on("close", resolve));
  socket.on("data", (bytes) => {
    text += bytes.toString();
  });
  const head = [`${method} ${path} HTTP/1.1`, `host: ${host}`, `authorization: Bearer ${bearer}`];
  const more = [`content-type: ${type}`, `content-length: ${body.length}`, "connection: close", "", ""];
  return new Promise((resolve) => {
    socket.write([...head, ...more].join("\r\n") + body.slice(0, half), () =>
      resolve({
        async finish() {
          socket.write(body.slice(half));
          await ended;
          return { status: Number(text.split(" ")[1]), text };
        },
      }),
    );
  });
};

/** In chunks. */
const inChunks: Begin = async (url, bearer, method, path, body, type = "application/json") => {
  const half = body.length >> 1;
  const rest = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const stream = new ReadableStream<Uint8Array>({
    async pull(controller) {
      controller.enqueue(Buffer.from(body.slice(0, half)));
      begun.resolve();
      await rest.promise;
      controller.enqueue(Buffer.from(body.slice(half)));
      controller.close();
    },
  });
  const headers = { authorization: `Bearer ${bearer}`, "content-type": type };
  const answer = fetch(url + path, { method, headers, body: stream });
  await begun.promise;
  return {
    async finish() {
      rest.resolve();
      const { status } = await answer;
      return { status, text: await (await answer).text() };
    },
  };
};

const binding = JSON.stringify({
  name: "mine",
  subjects: [{ kind: "User", name: "friend" }],
  roleBindings: [everything],
});

/** The ways in which somebody loses rights, and the answer to a request that was begun before. */
const losses: [string, (server: TestServer) => Promise<unknown>, number][] = [
  ["is deleted", ({ admin }) => must(admin("DELETE", "/api/v1/users/eve")), 401],
  ["has no rights any more", ({ admin }) => must(admin("DELETE", "/api/v1/rbac/of-eve")), 409],
  [
    "gets another password",
    ({ admin }) => must(admin("PUT", "/api/v1/users/eve", { password: "another-one" })),
    401,
  ],
];

describe.each([
  ["with a length", withLength],
  ["in chunks", inChunks],
])("a request whose body comes %s and slowly, from somebody who meanwhile", (_, begin) => {
  it.each(losses)("%s, writes nothing (T56)", async (_way, lose, status) => {
    const server = await testServer();
    await must(server.admin("POST", "/api/v1/users", { name: "friend" }));
    const { bearer } = await server.user("eve", [everything, ...operations]);
    const requests = await Promise.all([
      begin(server.url, bearer, "POST", "/api/v1/rbac", binding),
      begin(server.url, bearer, "PUT", "/api/v1/users/friend", '{"password":"known-to-eve"}'),
      begin(server.url, bearer, "POST", "/api/v1/restore?merge=skip", "x".repeat(1000), "application/zstd"),
    ]);
    await lose(server);
    const answers = await Promise.all(requests.map(({ finish }) => finish()));
    // 403: one whose head the server has read only now.
    for (const answer of answers) expect([status, 403]).toContain(answer.status);
    const bindings = (await must(server.admin("GET", "/api/v1/rbac"))).body.map(
      ({ name }: { name: string }) => name,
    );
    expect(bindings).not.toContain("mine");
    const login = await server.as()("POST", "/api/v1/auth/login", {
      user: "friend",
      password: "known-to-eve",
    });
    expect(login.status).toBe(401);
  });

  it("has the same rights as before, is carried out, whatever others change", async () => {
    const server = await testServer();
    await must(server.admin("POST", "/api/v1/users", { name: "friend" }));
    const { bearer } = await server.user("eve", [everything]);
    const { finish } = await begin(server.url, bearer, "POST", "/api/v1/rbac", binding);
    await must(server.admin("POST", "/api/v1/groups", { name: "others", members: ["friend"] }));
    expect((await finish()).status).toBe(201);
  });
});
