import type { ComponentType } from "preact";
import { goTo, placeOf, route } from "../route.ts";

interface TabbedScreenProps {
  title: string;
  /** The first part of the address; the second one is the name of the tab. */
  place: string;
  /** Label and content of each tab, by its name. The first one is shown where the address names none. */
  tabs: Readonly<Record<string, readonly [label: string, View: ComponentType]>>;
}

/** A screen with several parts, of which one is shown. */
export function TabbedScreen({ title, place, tabs }: TabbedScreenProps) {
  const names = Object.keys(tabs);
  const [, chosen = ""] = route.value.path;
  const shown = Object.hasOwn(tabs, chosen) ? chosen : names[0]!;
  const [, View] = tabs[shown]!;
  return (
    <>
      <div class="head">
        <h1>{title}</h1>
        <fieldset class="tabs" aria-label="Parts">
          {names.map((name) => (
            <button
              key={name}
              type="button"
              aria-pressed={name === shown}
              onClick={() => goTo(placeOf([place, name]))}
            >
              {tabs[name]![0]}
            </button>
          ))}
        </fieldset>
      </div>
      <div class="stack">
        <View key={shown} />
      </div>
    </>
  );
}
