import { useEffect, useState } from "preact/hooks";
import { type ApiError, request, shownError } from "../api/client.ts";
import { keepPageHalf, session } from "../api/session.ts";
import { refreshSession } from "../api/who.ts";
import { CodeBlock } from "../ui/code-block.tsx";
import { Mark } from "../ui/mark.tsx";
import { Failure } from "../ui/states.tsx";

/** Begins a session. Throws ApiError. */
export async function signIn(body: { user: string; password: string } | { code: string }): Promise<void> {
  const { page } = await request<{ page: string }>("/api/v1/auth/page", { method: "POST", body });
  keepPageHalf(page);
  await refreshSession();
}

/** Ends the session, in all tabs. */
export async function signOut(): Promise<void> {
  await request("/api/v1/auth/logout", { method: "POST" }).catch(() => {});
  keepPageHalf(undefined);
  session.value = { state: "out" };
}

/** The sign-in, with a user and a password or with a link of `mcpctl ui`. */
export function SignIn({ linkError }: { linkError: ApiError | undefined }) {
  const [error, setError] = useState<ApiError | undefined>(linkError);
  const [isBusy, setBusy] = useState(false);
  const [hasPasswords, setHasPasswords] = useState<boolean>();
  const reason = session.value.state === "out" ? session.value.reason : undefined;
  useEffect(() => {
    document.title = "Sign in · mcpctl";
    request<{ passwords: boolean }>("/api/v1/auth/page").then(
      ({ passwords }) => setHasPasswords(passwords),
      (thrown) => setError(shownError(thrown)),
    );
  }, []);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    setBusy(true);
    setError(undefined);
    try {
      await signIn({ user: String(form.get("user")), password: String(form.get("password")) });
    } catch (thrown) {
      setError(shownError(thrown));
      setBusy(false);
    }
  };
  return (
    <main class="sign-in">
      <div>
        <div class="row">
          <Mark />
          <h1>Sign in to mcpctl</h1>
        </div>
        {reason && !error && <div class="note warn">{reason}</div>}
        {error && <Failure error={error} />}
        {hasPasswords === false ? (
          <FirstVisit />
        ) : (
          <section class="panel">
            <form class="body" onSubmit={submit} aria-busy={isBusy}>
              <div class="field">
                <label for="user">User</label>
                <input
                  class="input"
                  id="user"
                  name="user"
                  autocomplete="username"
                  autocapitalize="none"
                  required
                />
              </div>
              <div class="field">
                <label for="password">Password</label>
                <input
                  class="input"
                  id="password"
                  name="password"
                  type="password"
                  autocomplete="current-password"
                  required
                />
              </div>
              <button type="submit" class="button primary" disabled={isBusy}>
                {isBusy ? "Signing in…" : "Sign in"}
              </button>
              <p class="quiet small">
                On the server's own machine no password is needed: <code>mcpctl ui</code>
              </p>
            </form>
          </section>
        )}
      </div>
    </main>
  );
}

function FirstVisit() {
  return (
    <section class="panel">
      <div class="body">
        <p>
          <strong>This server is new: no user has a password yet.</strong>
        </p>
        <p>
          Open a terminal on the machine where the server runs, as the user that it runs as. This opens the
          page signed in as <code>admin</code>, with a link that is good once and for a minute:
        </p>
        <CodeBlock text="mcpctl ui" />
        <p>To sign in from other machines, give a user a password there, or under Access once you are in:</p>
        <CodeBlock text="mcpctl passwd admin" />
      </div>
    </section>
  );
}
