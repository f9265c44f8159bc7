import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { ApiObject, Loaded } from "../api/lists.ts";
import { Search } from "../ui/fields.tsx";
import { Empty, Show } from "../ui/states.tsx";
import { SourceButton } from "./source.tsx";

/** A list this long has a search. */
const searchedFrom = 8;
/** Rows that are drawn; the search finds the others. */
const mostRows = 200;

/** The objects of a kind: a search where there are many, their YAML, and what is to do with them. */
export function ObjectList<T extends ApiObject>({
  title,
  kind,
  of,
  textOf = ({ name }) => name,
  empty,
  buttons,
  lines,
  children,
}: {
  title: string;
  kind: string;
  of: Loaded<T[]>;
  /** The text in which the search looks. */
  textOf?: (object: T) => string;
  /** Title and text of an empty list; the buttons stand below them. */
  empty: readonly [title: string, text?: string];
  buttons?: ComponentChildren;
  lines?: number;
  /** One row, as a list item. */
  children: (object: T) => ComponentChildren;
}) {
  const [search, setSearch] = useState("");
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const found = (of.value ?? []).filter((object) => {
    const text = textOf(object).toLowerCase();
    return words.every((word) => text.includes(word));
  });
  const isEmpty = of.value?.length === 0;
  const isLong = (of.value?.length ?? 0) >= searchedFrom;
  return (
    <section class="panel">
      <header>
        <h2>{title}</h2>
        {!isEmpty && (
          <div class="row">
            {isLong && <Search label={`Find in ${title.toLowerCase()}`} value={search} onValue={setSearch} />}
            <SourceButton kind={kind} objects={of.value && found} />
            {buttons}
          </div>
        )}
      </header>
      <Show of={of} {...(lines !== undefined && { lines })}>
        {(all) =>
          all.length === 0 ? (
            <Empty title={empty[0]}>
              {empty[1] && <span>{empty[1]}</span>}
              {buttons && <div class="row">{buttons}</div>}
            </Empty>
          ) : found.length === 0 ? (
            <Empty title="Nothing matches">
              <span>No name here has “{search}”.</span>
            </Empty>
          ) : (
            <>
              <ul class="plain-list">{found.slice(0, mostRows).map(children)}</ul>
              {found.length > mostRows && (
                <p class="quiet small empty">
                  These are {mostRows} of {found.length}: type a part of a name to find the others.
                </p>
              )}
            </>
          )
        }
      </Show>
    </section>
  );
}
