import { describe, expect, it } from "vitest";
import { clientText } from "../../../../src/server/mcp/clients/client-text.ts";
import { OAuthError } from "../../../../src/server/mcp/clients/oauth-error.ts";
import { registerClient, registeredClient } from "../../../../src/server/mcp/clients/registered-client.ts";

const uris = ["http://127.0.0.1:33418/", "https://vscode.dev/redirect"];

function refusal(metadata: unknown): string {
  try {
    registerClient(metadata, 0);
  } catch (error) {
    if (error instanceof OAuthError) return error.code;
    throw error;
  }
  return "registered";
}

describe("the registration of a client", () => {
  it("gives an id that says all about the client, and no secret", () => {
    const answer = registerClient(
      {
        client_name: "VS Code",
        redirect_uris: uris,
        token_endpoint_auth_method: "client_secret_post",
        grant_types: ["authorization_code", "refresh_token"],
        software_id: "unknown fields are left out",
      },
      1_700_000_000_000,
    );
    expect(answer).toEqual({
      client_id: answer["client_id"],
      client_id_issued_at: 1_700_000_000,
      client_name: "VS Code",
      redirect_uris: uris,
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      token_endpoint_auth_method: "none",
    });
    const id = String(answer["client_id"]);
    expect(registeredClient(id)).toEqual({ id, name: "VS Code", redirectUris: uris });
  });

  it("refuses what is no client of a browser", () => {
    expect(refusal([])).toBe("invalid_client_metadata");
    expect(refusal({})).toBe("invalid_redirect_uri");
    expect(refusal({ redirect_uris: [] })).toBe("invalid_redirect_uri");
    expect(refusal({ redirect_uris: "https://a.example/" })).toBe("invalid_redirect_uri");
    expect(refusal({ redirect_uris: [...uris, "http://evil.example/"] })).toBe("invalid_redirect_uri");
    expect(refusal({ redirect_uris: Array(11).fill(uris[0]) })).toBe("invalid_redirect_uri");
    expect(refusal({ redirect_uris: uris, client_name: 1 })).toBe("invalid_client_metadata");
    expect(refusal({ redirect_uris: uris, grant_types: ["client_credentials"] })).toBe(
      "invalid_client_metadata",
    );
    expect(refusal({ redirect_uris: uris, response_types: ["token"] })).toBe("invalid_client_metadata");
    const long = Array.from({ length: 10 }, (_, i) => `https://a.example/${i}${"x".repeat(400)}`);
    expect(refusal({ redirect_uris: long })).toBe("invalid_client_metadata");
  });

  it("checks an id that comes back as strictly as what was registered (T277)", () => {
    const idOf = (value: unknown) =>
      `mcpctl-client.${Buffer.from(JSON.stringify(value)).toString("base64url")}`;
    expect(registeredClient(idOf(["x", "https://a.example/"]))).toBeDefined();
    for (const value of [
      ["x", "javascript:/alert(1)"],
      ["x", "http://evil.example/"],
      ["x"],
      ["x\u202egnp.exe", "https://a.example/"],
      [1, "https://a.example/"],
      { 0: "x" },
      null,
      "x",
    ])
      expect(registeredClient(idOf(value)), JSON.stringify(value)).toBeUndefined();
    for (const id of [
      "",
      "claude",
      "mcpctl-client.",
      "mcpctl-client.AAAA",
      `mcpctl-client.${"A".repeat(4000)}`,
    ])
      expect(registeredClient(id), id).toBeUndefined();
  });
});

describe("the name of a client (T276)", () => {
  it.each([
    ["Claude Code (website)", "Claude Code (website)"],
    ["  a\n\tb\u0000c  ", "a b c"],
    ["\u202eevil\u2066 \u200btext\ufeff", "evil text"],
    ["\u001b[31mred", "[31mred"],
    [`z${"\u0301".repeat(50)}`, "z\u0301\u0301\u0301".normalize("NFC")],
    ["\ud800x", "\ufffdx"],
    ["x".repeat(100), `${"x".repeat(79)}…`],
    ["<script>", "<script>"],
  ])("%j is shown as %j, however often it is read", (given, shown) => {
    expect(clientText(given)).toBe(shown);
    expect(clientText(shown)).toBe(shown);
  });
});
