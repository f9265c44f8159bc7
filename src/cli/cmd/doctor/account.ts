import { AppError } from "../../../errors.ts";
import { version as own, type Version } from "../../../version.ts";
import { identityAnswer, permissionAnswer, versionAnswer } from "../../client/account-answers.ts";
import type { ApiClient } from "../../client/client.ts";
import type { Check } from "./check.ts";

/** Checks the login, the right to publish models, and the versions of both sides. */
export async function checkAccount(client: ApiClient): Promise<{ checks: Check[]; loggedIn: boolean }> {
  const request = () =>
    Promise.all([
      client.call("GET", "/api/v1/auth/whoami", { answer: identityAnswer }),
      client.call("POST", "/api/v1/auth/can-i", {
        answer: permissionAnswer,
        body: { verb: "expose", resource: "llms" },
      }),
      client.call("GET", "/api/v1/version", { answer: versionAnswer }),
    ]);
  let responses: Awaited<ReturnType<typeof request>>;
  try {
    responses = await request();
  } catch (error) {
    if (!(error instanceof AppError) || error.code === "interrupted") throw error;
    const hasToken = client.endpoint.token !== undefined;
    const detail =
      error.code === "unauthenticated"
        ? `${hasToken ? "the token is not valid" : "not logged in"}; run: mcpctl login`
        : error.message;
    return { checks: [{ name: "login", verdict: "fail", detail }], loggedIn: false };
  }
  const [{ user, token }, { allowed }, server] = responses;
  return {
    loggedIn: true,
    checks: [
      {
        name: "login",
        verdict: "ok",
        detail: token === undefined ? user : `${user}, with the token ${token}`,
      },
      {
        name: "publishing",
        verdict: allowed ? "ok" : "warn",
        detail: allowed
          ? "you may publish llms (role expose)"
          : "you may not publish llms, so the server refuses your agents; an administrator must grant you the role expose on llms",
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
      : `the server has ${server.version}, this program ${own.version}; update the older one`,
    figures: { server: server.version, client: own.version },
  };
}
