import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { ApiError, send } from "../api/client.ts";
import { Bones, Failure } from "./states.tsx";

/** Milliseconds between two questions if the server is there again. */
const pause = 2000;
/** Milliseconds in which the page is not loaded anew a second time. */
const reloadPause = 60_000;

/** Shows a part of the page that is loaded when it is needed. */
export function Lazy({ load }: { load: () => Promise<ComponentType> }) {
  const [part, setPart] = useState<{ View: ComponentType }>();
  const [isMissing, setMissing] = useState(false);
  useEffect(() => {
    load().then(
      (View) => setPart({ View }),
      () => setMissing(true),
    );
  }, [load]);
  useEffect(() => {
    if (!isMissing) return;
    // The server was away, or has other files since an upgrade.
    const timer = setInterval(() => void send("/healthz").then(reloadOnce, () => {}), pause);
    return () => clearInterval(timer);
  }, [isMissing]);
  if (part) return <part.View />;
  if (!isMissing) return <Bones lines={6} />;
  const error = new ApiError("this part of the page could not be loaded", "page", 0, "reload the page");
  return <Failure error={error} retry={() => location.reload()} />;
}

/** Loads the page anew, unless that has just been done and has not helped. The entry of the history outlives it. */
function reloadOnce(): void {
  if (Number(history.state?.reloadedAt ?? 0) > Date.now() - reloadPause) return;
  history.replaceState({ ...history.state, reloadedAt: Date.now() }, "");
  location.reload();
}
