import { useEffect, useState } from "preact/hooks";

/** Milliseconds for which the page must have been looked at. */
const delay = 800;

/**
 * False until the page has been in front for a moment, and again after it was not: a page that opens this one under the
 * pointer cannot have the second click of a double one land on its buttons.
 */
export function useArmed(): boolean {
  const [isArmed, setArmed] = useState(false);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = () => {
      clearTimeout(timer);
      setArmed(false);
      if (document.hasFocus() && !document.hidden) timer = setTimeout(() => setArmed(true), delay);
    };
    look();
    addEventListener("focus", look);
    addEventListener("blur", look);
    document.addEventListener("visibilitychange", look);
    return () => {
      clearTimeout(timer);
      removeEventListener("focus", look);
      removeEventListener("blur", look);
      document.removeEventListener("visibilitychange", look);
    };
  }, []);
  return isArmed;
}
