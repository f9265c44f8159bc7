import type { BaoCall } from "./types.ts";

/** Returns a function that calls the API of a server, with the given token unless a call has its own. */
export function callOf(url: string, token: string, ca?: string): BaoCall {
  return async (method, path, body, options = {}) => {
    const response = await fetch(`${url}/v1/${path}`, {
      method,
      redirect: "manual",
      headers: {
        "x-vault-request": "true",
        ...((options.token ?? token) !== "" && { "x-vault-token": options.token ?? token }),
        ...(options.namespace !== undefined && { "x-vault-namespace": options.namespace }),
        ...(body !== undefined && {
          "content-type": method === "PATCH" ? "application/merge-patch+json" : "application/json",
        }),
        ...options.headers,
      },
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
      // The certificate is not for a name of this machine.
      ...(ca !== undefined && { tls: { ca, checkServerIdentity: () => undefined } }),
    });
    const text = await response.text();
    const isJson = text !== "" && response.headers.get("content-type")?.includes("json");
    return {
      status: response.status,
      headers: response.headers,
      body: isJson ? JSON.parse(text) : undefined,
    };
  };
}
