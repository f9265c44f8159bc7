import { useEffect, useState } from "preact/hooks";
import { type ApiError, shownError } from "./api/client.ts";
import { readRights } from "./api/rights.ts";
import { isOffline, onOtherTab, session } from "./api/session.ts";
import { refreshSession } from "./api/who.ts";
import { goTo, placeOf, route } from "./route.ts";
import { screens } from "./screens/index.ts";
import { PasswordButton } from "./screens/password.tsx";
import { SignIn, signIn, signOut } from "./screens/sign-in.tsx";
import { Lazy } from "./ui/lazy.tsx";
import { Mark } from "./ui/mark.tsx";
import { ThemeChoice } from "./ui/theme.tsx";
import { Toasts } from "./ui/toasts.tsx";

/** The page: the sign-in, or the navigation and the screen of the address. */
export function App() {
  const [linkError, setLinkError] = useState<ApiError>();
  useEffect(() => {
    onOtherTab(() => void refreshSession());
    // The code of `mcpctl ui` stands behind the #, which browsers send to nobody.
    const code = /^#code=([\w-]+)$/.exec(location.hash)?.[1];
    if (code === undefined) return void refreshSession();
    goTo("#/", true);
    signIn({ code }).catch((thrown) => {
      setLinkError(shownError(thrown));
      session.value = { state: "out" };
    });
  }, []);
  if (session.value.state === "unknown")
    return isOffline.value ? <Unreachable /> : <div class="sign-in quiet">Loading mcpctl…</div>;
  if (session.value.state === "out") return <SignIn linkError={linkError} />;
  // MCP clients send a browser here; all other places stand behind the #.
  return location.pathname === "/oauth/authorize" ? <Lazy load={loadConsent} /> : <Shell />;
}

/** Milliseconds between two looks at the rights of the user, which decide what the page offers. */
const rightsPause = 60_000;

const loadConsent = async () => (await import("./screens/consent/consent.tsx")).Consent;

function Shell() {
  const [isOpen, setOpen] = useState(false);
  const [first = screens[0]!.path] = route.value.path;
  const screen = screens.find(({ path }) => path === first) ?? screens[0]!;
  useEffect(() => {
    void readRights();
    const timer = setInterval(() => document.hidden || readRights(), rightsPause);
    return () => clearInterval(timer);
  }, []);
  useEffect(() => {
    document.title = `${screen.title} · mcpctl`;
    setOpen(false);
  }, [screen]);
  return (
    <div class="shell">
      <button type="button" class="button skip" onClick={() => document.getElementById("main")?.focus()}>
        Skip to the content
      </button>
      <header class={`side ${isOpen ? "open" : ""}`}>
        <a class="brand" href={placeOf([])}>
          <Mark />
          mcpctl
        </a>
        <button
          type="button"
          class="button slim menu-button"
          aria-expanded={isOpen}
          onClick={() => setOpen(!isOpen)}
        >
          Menu
        </button>
        <nav aria-label="Screens">
          <ul>
            {screens.map(({ path, title }) => (
              <li key={path}>
                <a href={placeOf([path])} aria-current={path === screen.path ? "page" : undefined}>
                  {title}
                </a>
              </li>
            ))}
          </ul>
        </nav>
        <Who />
      </header>
      <main id="main" tabIndex={-1}>
        {isOffline.value && <Offline />}
        <Lazy key={screen.path} load={screen.load} />
      </main>
      <Toasts />
    </div>
  );
}

function Who() {
  if (session.value.state !== "in") return null;
  const { user, admin, groups } = session.value.user;
  return (
    <div class="who">
      <div>
        <strong>{user}</strong>
        <div class="quiet small">{admin ? "Administrator" : groups.join(", ") || "No groups"}</div>
      </div>
      <ThemeChoice />
      <PasswordButton />
      <button type="button" class="button slim" onClick={signOut}>
        Sign out
      </button>
    </div>
  );
}

function Offline() {
  return (
    <div class="note warn offline" role="status">
      <strong>The server cannot be reached.</strong>
      <span>What you see is how it was. The page goes on by itself when the server is back.</span>
    </div>
  );
}

function Unreachable() {
  return (
    <main class="sign-in">
      <div class="note bad" role="alert">
        <strong>The server cannot be reached.</strong>
        <span>The page tries again by itself.</span>
      </div>
    </main>
  );
}
