import { create, type Mcpctl } from "../mcpctl.ts";

/** Answers the page on which an MCP client asks for access, and goes where it sends the browser. */
export type Agree = (page: URL) => Promise<void>;

/**
 * Makes a user with a password who may use all projects, and who agrees to whatever a client asks: as the page does, with
 * the query of its address. The page itself is tested in a browser.
 */
export async function agreeingUser(server: Mcpctl): Promise<Agree> {
  const [user, password] = ["conformance-user", crypto.randomUUID()];
  await create(server, "users", { name: user, password });
  await create(server, "rbac", {
    name: user,
    subjects: [{ kind: "User", name: user }],
    roleBindings: [{ role: "run", resource: "projects" }],
  });
  const post = async (path: string, body: object, bearer?: string) => {
    const response = await fetch(`http://127.0.0.1:${server.port}/api/v1/${path}`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
      },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`POST ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as Record<string, string>;
  };
  const { token } = await post("auth/login", { user, password });
  return async ({ search }) => {
    const { redirectTo } = await post("oauth/answer", { query: search, allow: true }, token);
    await fetch(redirectTo!).then((response) => response.text());
  };
}

/** Registers a client that waits at an address, as MCP clients do. Returns its id. */
export async function registerClient({ port }: Mcpctl, redirectUri: string): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}/oauth/register`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ client_name: "conformance", redirect_uris: [redirectUri] }),
  });
  if (response.status !== 201) throw new Error(`registration: ${response.status} ${await response.text()}`);
  return ((await response.json()) as { client_id: string }).client_id;
}
