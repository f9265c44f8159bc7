import { useEffect, useState } from "preact/hooks";
import { type ApiError, request, shownError } from "../../api/client.ts";
import { session } from "../../api/session.ts";
import { useAction } from "../../ui/action.tsx";
import { Mark } from "../../ui/mark.tsx";
import { Bones, Failure, sentence } from "../../ui/states.tsx";
import { signOut } from "../sign-in.tsx";
import { useArmed } from "./armed.ts";

/** A request of an MCP client, as the server shows it. Its name is what it says of itself. */
interface ShownRequest {
  client: { id: string; name: string; host: string | null; isRead: boolean };
  project?: string;
  redirect: { kind: "web" | "loopback" | "app"; place: string };
  refusal?: { code: string; message: string };
}

/** Asks the user who is signed in whether an MCP client gets access to a project. */
export function Consent() {
  const [shown, setShown] = useState<ShownRequest>();
  const [error, setError] = useState<ApiError>();
  useEffect(() => {
    document.title = "Give access · mcpctl";
    request<ShownRequest>("/api/v1/oauth/request", { method: "POST", body: { query: location.search } }).then(
      setShown,
      (thrown) => setError(shownError(thrown)),
    );
  }, []);
  return (
    <main class="sign-in consent">
      <div>
        {error && (
          <>
            <h1>This request cannot be answered</h1>
            <Failure error={error} />
          </>
        )}
        {!error && !shown && <Bones lines={6} />}
        {shown && <Question shown={shown} />}
      </div>
    </main>
  );
}

function Question({ shown }: { shown: ShownRequest }) {
  const { client, project, redirect, refusal } = shown;
  const [isAnswered, setAnswered] = useState(false);
  const action = useAction();
  const isArmed = useArmed();
  const name = <bdi>{client.name || "A client without a name"}</bdi>;
  const answer = (allow: boolean) =>
    action.run(async () => {
      const { redirectTo } = await request<{ redirectTo: string }>("/api/v1/oauth/answer", {
        method: "POST",
        body: { query: location.search, allow },
      });
      setAnswered(true);
      location.assign(redirectTo);
    });
  if (isAnswered)
    return (
      <>
        <h1>Back to {name}</h1>
        <p class="quiet">If it does not go on by itself, look at its window. You can close this page.</p>
      </>
    );
  return (
    <>
      <div class="row">
        <Mark />
        <h1>
          {name} {refusal ? "asks for something that cannot be given" : <>wants to use “{project}”</>}
        </h1>
      </div>
      <section class="panel">
        <div class="body stack">
          <dl class="facts">
            <dt>Client</dt>
            <dd>{describedBy(client)} Nobody has checked its name.</dd>
            <dt>Sends you to</dt>
            <dd>
              <strong>{redirect.place}</strong>, <span class="quiet">{places[redirect.kind]}</span>
            </dd>
          </dl>
          {refusal ? (
            <div class="note bad" role="alert">
              <strong>{sentence(refusal.message)}</strong>
            </div>
          ) : (
            <Rights project={project!} />
          )}
          {action.error && <Failure error={action.error} />}
          <div class="row">
            {refusal ? (
              <button
                type="button"
                class="button"
                disabled={action.isBusy || !isArmed}
                onClick={() => answer(false)}
              >
                Tell the client
              </button>
            ) : (
              <>
                <button
                  type="button"
                  class="button primary"
                  disabled={action.isBusy || !isArmed}
                  onClick={() => answer(true)}
                >
                  Allow
                </button>
                <button type="button" class="button" disabled={action.isBusy} onClick={() => answer(false)}>
                  Deny
                </button>
              </>
            )}
          </div>
        </div>
      </section>
    </>
  );
}

function describedBy({ id, host, isRead }: ShownRequest["client"]): string {
  if (host === null) return "It registered itself.";
  return isRead ? `Described by ${host}.` : `It says that it is ${id}, which this server cannot read.`;
}

const places = {
  loopback: "a program on this computer",
  web: "a service on the internet",
  app: "the application that opens such links",
};

function Rights({ project }: { project: string }) {
  const user = session.value.state === "in" ? session.value.user.user : "";
  return (
    <>
      <div class="rights">
        <p>
          As <strong>{user}</strong>, with your rights, it may use the project “{project}”:
        </p>
        <ul>
          <li>call its tools, which can change things,</li>
          <li>read its resources and prompts.</li>
        </ul>
        <p>
          It may do nothing else here. You can end that under Access; it ends by itself after 30 days without
          use.
        </p>
        <button type="button" class="button slim" onClick={signOut}>
          Sign in as somebody else
        </button>
      </div>
      <div class="note warn">
        <strong>Allow it only if you have just begun this in that program yourself.</strong>
      </div>
    </>
  );
}
