import { Type } from "@sinclair/typebox";
import { AppError } from "../../../errors.ts";
import { adminName } from "../../core/access/principals.ts";
import { readBody } from "../body.ts";
import {
  addressKeys,
  type BegunSession,
  Login,
  loginEvent,
  mustWait,
  openSession,
  ownSession,
  passwordLogin,
} from "../login-session.ts";
import type { Call, Route } from "../route.ts";
import type { Server } from "../server.ts";
import { fileResponse, webFiles } from "../web/assets.ts";
import { cutBearer } from "../web/page-session.ts";
import { codeMilliseconds } from "../web/sign-in-codes.ts";
import { welcome } from "../web/welcome.ts";

/** A user with a password, or a code. */
const PageLogin = Type.Object(
  { ...Type.Partial(Login).properties, code: Type.Optional(Type.String()) },
  { additionalProperties: false },
);

/** The page: its files, and the session of a browser. All that it shows and does goes through the other routes. */
export function webRoutes(server: Server): Route[] {
  return [
    {
      method: "GET",
      path: "/",
      access: "public",
      summary: "Return the web page to browsers, and to others the base URLs that clients need",
      async handle({ request }) {
        if (!request.headers.get("accept")?.includes("text/html")) return welcome(request);
        return fileResponse(request, (await webFiles())["index.html"]!, { "cache-control": "no-store" });
      },
    },
    {
      method: "GET",
      path: "/assets/:name",
      access: "public",
      isUndocumented: true,
      summary: "Return a file of the web page",
      async handle({ request, params }) {
        const name = params["name"]!;
        const files = await webFiles();
        if (name === "index.html" || !Object.hasOwn(files, name))
          throw new AppError("not_found", "there is no such file of the page", { hint: "reload the page" });
        return fileResponse(request, files[name]!, {
          "cache-control": "public, max-age=31536000, immutable",
        });
      },
    },
    {
      method: "GET",
      path: "/api/v1/auth/page",
      access: "public",
      summary: "Return whether any user can log in with a password",
      response: Type.Object({ passwords: Type.Boolean() }),
      handle: () => Response.json({ passwords: server.catalogue.snapshot.withPassword.size > 0 }),
    },
    {
      method: "POST",
      path: "/api/v1/auth/page",
      access: "public",
      summary: "Begin the session of a browser, with a password or a code of mcpctl ui",
      body: PageLogin,
      response: Type.Object({ page: Type.String(), expiresAt: Type.String() }),
      handle: (call) => signIn(server, call),
    },
    {
      method: "POST",
      path: "/api/v1/auth/page-code",
      access: { action: "impersonate" },
      summary:
        "Make a link that signs a browser in as the administrator, once and for a minute; over the Unix socket only",
      response: Type.Object({ url: Type.String(), seconds: Type.Integer() }),
      handle({ peer }) {
        if (peer !== "unix")
          throw new AppError("forbidden", "links that sign in are made over the Unix socket only", {
            hint: "run mcpctl ui on the server's own machine, as the user that the server runs as",
          });
        const code = server.signInCodes.make(server.random);
        const url = `${pageUrl(server.urls())}#code=${code}`;
        return Response.json({ url, seconds: codeMilliseconds / 1000 }, { headers: noStore });
      },
    },
  ];
}

const noStore = { "cache-control": "no-store" };

async function signIn(server: Server, call: Call): Promise<Response> {
  mustWait(server.throttle.wait(...addressKeys(server, call)));
  const { code, user = "", password = "" } = await readBody(call, server.deadlines, PageLogin);
  if (code === undefined && (user === "" || password === ""))
    throw new AppError("invalid_request", "user and password are required");
  const session =
    code === undefined
      ? await openSession(server, await passwordLogin(server, call, { user, password }))
      : await byCode(server, call, code);
  const { request } = call;
  const { publicUrls, random } = server;
  const seconds = (session.expiresAt - server.now()) / 1000;
  const { setCookie, page } = cutBearer(request, publicUrls, session.bytes, random, seconds);
  return Response.json(
    { page, expiresAt: new Date(session.expiresAt).toISOString() },
    { headers: { ...noStore, "set-cookie": setCookie } },
  );
}

async function byCode(server: Server, call: Call, code: string): Promise<BegunSession> {
  const keys = addressKeys(server, call);
  mustWait(server.throttle.attempt(...keys));
  const admin = server.catalogue.snapshot.named("user", adminName);
  if (!server.signInCodes.take(code) || !admin) {
    await server.audit.record(loginEvent(server, call, "login_failed", null, 401));
    throw new AppError("unauthenticated", "this link has been used or is too old", {
      hint: "run mcpctl ui again",
    });
  }
  server.throttle.forgive(...keys);
  return openSession(server, ownSession(server, call, admin));
}

/** Returns the address of the page: for a server that listens on all addresses, the one that this machine reaches. */
function pageUrl(urls: readonly string[]): string {
  const url = new URL(urls.find((one) => one.startsWith("http"))!);
  if (url.hostname === "0.0.0.0") url.hostname = "127.0.0.1";
  if (url.hostname === "[::]") url.hostname = "[::1]";
  return `${url.origin}/`;
}
