import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

/** Rows that are drawn above and below those that are seen. */
const spare = 12;

/** A long list with rows of one height, of which only those are drawn that are seen. */
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
  children: (item: T) => ComponentChildren;
}) {
  const place = useRef<HTMLElement>(null);
  const [seen, setSeen] = useState({ from: 0, to: 60 });
  useEffect(() => {
    const element = place.current!;
    const look = () => {
      const row = rowHeight * Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
      const from = Math.max(0, Math.floor(element.scrollTop / row) - spare);
      const to = Math.ceil((element.scrollTop + element.clientHeight) / row) + spare;
      setSeen((old) => (old.from === from && old.to === to ? old : { from, to }));
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
  const shown = items.slice(seen.from, seen.to);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a list that scrolls is reached by keyboard.
    <section class="virtual" ref={place} tabIndex={0} aria-label={label}>
      <ol style={{ height: `${items.length * rowHeight}rem` }}>
        {shown.map((item, i) => (
          <li
            key={keyOf(item)}
            aria-setsize={items.length}
            aria-posinset={seen.from + i + 1}
            style={{ top: `${(seen.from + i) * rowHeight}rem`, height: `${rowHeight}rem` }}
          >
            {children(item)}
          </li>
        ))}
      </ol>
    </section>
  );
}
