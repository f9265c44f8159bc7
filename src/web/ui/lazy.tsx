import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { ApiError } from "../api/client.ts";
import { Bones, Failure } from "./states.tsx";

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
  if (part) return <part.View />;
  if (!isMissing) return <Bones lines={6} />;
  // After an upgrade the files of the old page are gone.
  const error = new ApiError("this part of the page could not be loaded", "page", 0, "reload the page");
  return <Failure error={error} retry={() => location.reload()} />;
}
