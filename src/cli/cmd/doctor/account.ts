import { AppError } from "../../../errors.ts";
import { version as own, type Version } from "../../../version.ts";
import type { ApiClient } from "../../client/client.ts";
import type { Identity } from "../../client/identity.ts";
import type { Check } from "./check.ts";

/** Who this machine is to the server, whether it may publish models there, and whether the versions fit. */
export async function checkAccount(client: ApiClient): Promise<{ checks: Check[]; loggedIn: boolean }> {
  const ask = () =>
    Promise.all([
      client.call<Identity>("GET", "/api/v1/auth/whoami"),
      client.call<{ allowed: boolean }>("POST", "/api/v1/auth/can-i", {
        body: { verb: "expose", resource: "llms" },
      }),
      client.call<Version>("GET", "/api/v1/version"),
    ]);
  let answers: Awaited<ReturnType<typeof ask>>;
  try {
    answers = await ask();
  } catch (error) {
    if (!(error instanceof AppError) || error.code === "interrupted") throw error;
    const without = client.endpoint.token === undefined;
    const detail =
      error.code === "unauthenticated"
        ? `${without ? "not logged in" : "the token is not good (any more)"}: mcpctl login`
        : error.message;
    return { checks: [{ name: "login", verdict: "fail", detail }], loggedIn: false };
  }
  const [{ user, token }, { allowed }, server] = answers;
  return {
    loggedIn: true,
    checks: [
      { name: "login", verdict: "ok", detail: token === undefined ? user : `${user}, by the token ${token}` },
      {
        name: "publishing",
        verdict: allowed ? "ok" : "warn",
        detail: allowed
          ? "allowed: expose on llms"
          : "not allowed, so an agent of yours is turned away: an administrator has to grant expose on llms",
        figures: { allowed },
      },
      versionCheck(server),
    ],
  };
}

function versionCheck(server: Version): Check {
  const same = server.version === own.version;
  return {
    name: "version",
    verdict: same ? "ok" : "warn",
    detail: same
      ? `${own.version} on both sides`
      : `the server is ${server.version}, this is ${own.version}: bring the older one up to date`,
    figures: { server: server.version, client: own.version },
  };
}
