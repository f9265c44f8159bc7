import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

/** Rows that are drawn above and below those that are seen. */
const spare = 12;

/**
 * A long list with rows of one height, of which only those are drawn that are seen. Tab leads to one row and past the
 * list; the arrows, Page Up and Page Down, Home and End go from row to row.
 */
export function VirtualList<T>({
  items,
  rowHeight,
  label,
  keyOf,
  children,
}: {
  items: readonly T[];
  /** In rem. */
  rowHeight: number;
  label: string;
  keyOf: (item: T) => string;
  /** A row: one link, with this `tabIndex`. */
  children: (item: T, tabIndex: 0 | -1) => ComponentChildren;
}) {
  const place = useRef<HTMLElement>(null);
  const [seen, setSeen] = useState({ from: 0, to: 60, first: 0, last: 0 });
  const [current, setCurrent] = useState(0);
  const isMoving = useRef(false);
  useEffect(() => {
    const element = place.current!;
    const look = () => {
      const row = rowPixels(rowHeight);
      const first = Math.floor(element.scrollTop / row);
      const last = Math.max(first, Math.floor((element.scrollTop + element.clientHeight) / row) - 1);
      setSeen((old) =>
        old.first === first && old.last === last
          ? old
          : { from: Math.max(0, first - spare), to: last + 2 + spare, first, last },
      );
    };
    look();
    element.addEventListener("scroll", look, { passive: true });
    const resized = new ResizeObserver(look);
    resized.observe(element);
    return () => {
      element.removeEventListener("scroll", look);
      resized.disconnect();
    };
  }, [rowHeight]);
  // Before the next key, which starts from the row with the focus.
  useLayoutEffect(() => {
    const link = isMoving.current && place.current!.querySelector<HTMLElement>(`[data-row="${current}"] a`);
    if (!link) return;
    isMoving.current = false;
    link.focus({ preventScroll: true });
  });
  const move = (event: KeyboardEvent) => {
    const on = (event.target as HTMLElement).closest<HTMLElement>("[data-row]")?.dataset["row"];
    if (on === undefined) return;
    const page = Math.max(1, seen.last - seen.first);
    const steps: Readonly<Record<string, number>> = {
      ...{ ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page },
      ...{ Home: -items.length, End: items.length },
    };
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const next = Math.min(Math.max(Number(on) + step, 0), items.length - 1);
    const element = place.current!;
    const row = rowPixels(rowHeight);
    if (next * row < element.scrollTop) element.scrollTop = next * row;
    else if ((next + 1) * row > element.scrollTop + element.clientHeight)
      element.scrollTop = (next + 1) * row - element.clientHeight;
    isMoving.current = true;
    setCurrent(next);
  };
  const reached = Math.min(Math.max(current, seen.first), seen.last, items.length - 1);
  const shown = items.slice(seen.from, seen.to);
  return (
    <section class="virtual" ref={place} aria-label={label} onKeyDown={move}>
      <ol style={{ height: `${items.length * rowHeight}rem` }}>
        {shown.map((item, i) => (
          <li
            key={keyOf(item)}
            data-row={seen.from + i}
            aria-setsize={items.length}
            aria-posinset={seen.from + i + 1}
            style={{ top: `${(seen.from + i) * rowHeight}rem`, height: `${rowHeight}rem` }}
          >
            {children(item, seen.from + i === reached ? 0 : -1)}
          </li>
        ))}
      </ol>
    </section>
  );
}

function rowPixels(rowHeight: number): number {
  return rowHeight * Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
}
