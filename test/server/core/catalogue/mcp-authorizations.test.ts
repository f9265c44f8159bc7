import { expect, it } from "vitest";
import { authorizationFor } from "../../../../src/server/core/catalogue/mcp-authorizations.ts";
import { Snapshot } from "../../../../src/server/core/store/snapshot.ts";
import type { McpServerRow } from "../../../../src/server/core/store/typed-rows.ts";
import { row } from "../../../support/row.ts";

const [here, elsewhere] = ["https://mcp.example.com/mcp", "https://old.example.com/mcp"];
const server = (sharing: string) =>
  ({ id: "srv_1", name: "far", spec: { url: here, sharing } }) as unknown as McpServerRow;

/** A snapshot with an authorization of the server for a url, and for one user if one is given. */
function withAuthorization(url: string, userId?: string): Snapshot {
  const status = { server: "far", serverId: "srv_1", url, state: "authorized", ...(userId && { userId }) };
  return new Snapshot({
    ...{ revision: 1, refs: [], bearers: [], sessions: [], withPassword: [], lastUsed: [] },
    rows: [{ ...row("aut_1", "authorization", "far"), status }],
  });
}

it("an authorization is for the url and the user that it was given for, and for no other (T198, T203)", () => {
  const found = (snapshot: Snapshot, sharing: string, userId: string) =>
    authorizationFor(snapshot, server(sharing), userId)?.id;
  expect(found(withAuthorization(here), "shared", "usr_alice")).toBe("aut_1");
  expect(found(withAuthorization(here, "usr_alice"), "principal", "usr_alice")).toBe("aut_1");
  expect(found(withAuthorization(elsewhere), "shared", "usr_alice")).toBeUndefined();
  expect(found(withAuthorization(here, "usr_alice"), "principal", "usr_bob")).toBeUndefined();
  expect(found(withAuthorization(here), "principal", "usr_alice")).toBeUndefined();
  expect(found(withAuthorization(here, "usr_alice"), "shared", "usr_alice")).toBeUndefined();
});
